/**
 * The messages between a keeper and its generations. A keeper lives as long as the service, so it may be
 * years older than the application: existing messages never change their meaning, and each side ignores
 * unknown types. `keeper-protocol.test.ts` freezes the shapes.
 */
export const keeperVersion = 1

/** The name under which zerodrop finds the link to the keeper that a preload has opened. */
export const keeperKey: unique symbol = Symbol.for('zerodrop.keeper.v1')

/** The variable in which a keeper tells a generation how to reach it, as JSON of a `KeeperOrders`. */
export const keeperVariableName = 'ZERODROP_KEEPER'

/** The variable in which a process tells its successor that it becomes its keeper, as JSON of a `ComingOrders`. */
export const comingVariableName = 'ZERODROP_COMING_KEEPER'

/** The variable in which a process tells the keeper that replaces its program whom to keep, as JSON of an `AdoptOrders`. */
export const adoptVariableName = 'ZERODROP_ADOPT'

/** A listening socket of which the keeper has a descriptor. */
export interface KeptListener {
  /** Where it is bound, such as `tcp://127.0.0.1:3000`. */
  readonly bound: string
  /** The address that the application requested, such as `tcp://localhost:3000`. */
  readonly requested: string
  /** The generation's descriptor. */
  readonly fd: number
}

/** The content of `ZERODROP_KEEPER`. */
export interface KeeperOrders {
  readonly version: typeof keeperVersion
  /** The pid of the keeper, on which other programs rely. */
  readonly pid: number
  /** The descriptor of the channel to the keeper. */
  readonly channel: number
  /** The number of the crashed generation that this one replaces without a predecessor. 1 for the first. */
  readonly generation: number
  /** The sockets of that generation. */
  readonly listeners: readonly KeptListener[]
  /**
   * Whether zerodrop manages servers even if the application does not use it. A keeper from before 0.2 does
   * not set this.
   */
  readonly register?: boolean
  /**
   * What the generation does if the keeper dies; undefined if the application's option decides. A keeper from before
   * 0.2 does not set this.
   */
  readonly onDeath?: 'drain' | 'serve'
  /** Whether the generation tells the keeper what it prints to stderr until it serves, because somebody waits for it. */
  readonly tells?: boolean
}

/** From a generation to its keeper. */
export type ToKeeper =
  /** With the handle of a listening socket: keep a descriptor of it. */
  | { readonly type: 'keep'; readonly bound: string; readonly requested: string }
  /** Close that descriptor. */
  | { readonly type: 'drop'; readonly bound: string }
  /** This generation serves from now on: it gets signals, and its end is the end of the service. */
  | { readonly type: 'charge'; readonly generation: number }
  /**
   * Start a program that inherits these sockets as descriptors 3 and up, followed by a stream to this
   * process.
   */
  | {
      readonly type: 'start'
      readonly id: number
      readonly file: string
      /** The arguments; the first is the program's `argv[0]`. */
      readonly args: readonly string[]
      readonly cwd: string
      readonly env: Readonly<Record<string, string>>
      readonly listeners: readonly string[]
      /**
       * The script, absolute or relative to `cwd`: where to find the current release after a crash. A program from
       * before 0.2 does not send this.
       */
      readonly script?: string
    }
  /**
   * With the handle of the channel to the parent that forked the keeper before it replaced its program: pass
   * it on. Without a handle, the channel is closed, but the program still relies on having one.
   */
  | { readonly type: 'parent'; readonly serialization: 'json' | 'advanced' }
  /** Either side has closed the channel to the parent: close it too, or the parent would not notice. */
  | { readonly type: 'parent-closed' }
  | { readonly type: 'kill'; readonly pid: number; readonly signal: NodeJS.Signals }
  /** The outcome of a request through the control socket. */
  | { readonly type: 'answer'; readonly id: number; readonly result?: unknown; readonly error?: unknown }
  /** A part of the output that the keeper has asked for with `tells`. */
  | { readonly type: 'stderr'; readonly text: string }

/** From a keeper to a generation. */
export type FromKeeper =
  /** In answer to `start`, with the handle of this process's end of the stream. */
  | { readonly type: 'started'; readonly id: number; readonly pid: number }
  | { readonly type: 'not-started'; readonly id: number; readonly message: string }
  /** In answer to `drop`: the keeper no longer holds that socket open. */
  | { readonly type: 'dropped'; readonly bound: string }
  /** A program that the generation had started has ended. */
  | {
      readonly type: 'ended'
      readonly pid: number
      readonly code: number | null
      readonly signal: NodeJS.Signals | null
    }
  /** A request through the control socket. */
  | { readonly type: 'ask'; readonly id: number; readonly what: 'restart' | 'stop' | 'status' }

type Tagged<Message> = Message & { readonly zerodropKeeper: typeof keeperVersion }

export function toWire<Message extends ToKeeper | FromKeeper>(message: Message): Tagged<Message> {
  return { zerodropKeeper: keeperVersion, ...message }
}

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText)
const isVariables: Check = (value) =>
  typeof value === 'object' && value !== null && Object.values(value).every(isText)
const isNullOr =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)

/** The required fields, by type of message. */
export const keeperFields: {
  readonly [Type in (ToKeeper | FromKeeper)['type']]: Readonly<Record<string, Check>>
} = {
  keep: { bound: isText, requested: isText },
  drop: { bound: isText },
  charge: { generation: isCount },
  start: {
    id: isCount,
    file: isText,
    args: isTexts,
    cwd: isText,
    env: isVariables,
    listeners: isTexts,
  },
  parent: { serialization: (value) => value === 'json' || value === 'advanced' },
  'parent-closed': {},
  kill: { pid: isCount, signal: isText },
  answer: { id: isCount },
  stderr: { text: isText },
  started: { id: isCount, pid: isCount },
  'not-started': { id: isCount, message: isText },
  dropped: { bound: isText },
  ended: { pid: isCount, code: isNullOr(isCount), signal: isNullOr(isText) },
  ask: { id: isCount, what: isText },
}

/** Returns the message if it is valid; undefined for anything else, and for unknown types. */
export function fromWire(value: unknown): ToKeeper | FromKeeper | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { zerodropKeeper, type } = value as { zerodropKeeper?: unknown; type?: unknown }
  if (zerodropKeeper !== keeperVersion || typeof type !== 'string') return undefined
  if (!Object.hasOwn(keeperFields, type)) return undefined
  const fields = Object.entries(keeperFields[type as keyof typeof keeperFields])
  const isWhole = fields.every(([name, check]) => check((value as Record<string, unknown>)[name]))
  return isWhole ? (value as unknown as ToKeeper | FromKeeper) : undefined
}

/** Reads `ZERODROP_KEEPER`; undefined if no keeper of this version could have written the value. */
export function readKeeperOrders(variable: string): KeeperOrders | undefined {
  let value: unknown
  try {
    value = JSON.parse(variable)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { version, pid, channel, generation, listeners } = value as Record<keyof KeeperOrders, unknown>
  const isListener = (each: unknown): boolean =>
    typeof each === 'object' &&
    each !== null &&
    isText((each as KeptListener).bound) &&
    isText((each as KeptListener).requested) &&
    isCount((each as KeptListener).fd)
  const isWhole =
    version === keeperVersion &&
    [pid, channel, generation].every(isCount) &&
    Array.isArray(listeners) &&
    listeners.every(isListener)
  return isWhole ? (value as KeeperOrders) : undefined
}
