/**
 * What a keeper and the generations below it say to each other. A keeper lives for as long as the service does, so it may
 * be older than the application by years: what is here does not change its meaning, and either side ignores a type that
 * it does not know. `keeper-protocol.test.ts` freezes the shapes.
 */
export const keeperVersion = 1

/** By what name the link to the keeper that a preload has opened is found. */
export const keeperKey: unique symbol = Symbol.for('zerodrop.keeper.v1')

/** The variable in which a keeper tells a generation how to reach it, as JSON of a `KeeperOrders`. */
export const keeperVariableName = 'ZERODROP_KEEPER'

/** The variable in which a process tells its successor that it becomes its keeper, as JSON of a `ComingOrders`. */
export const comingVariableName = 'ZERODROP_COMING_KEEPER'

/** The variable in which a process tells the keeper that replaces its program whom to keep, as JSON of an `AdoptOrders`. */
export const adoptVariableName = 'ZERODROP_ADOPT'

/** A listening socket that the keeper has a descriptor of. */
export interface KeptListener {
  /** Where it is bound, such as `tcp://127.0.0.1:3000`. */
  readonly bound: string
  /** What the application asked for, such as `tcp://localhost:3000`. */
  readonly requested: string
  /** The descriptor by which the generation has it. */
  readonly fd: number
}

/** What a generation finds in `ZERODROP_KEEPER`. */
export interface KeeperOrders {
  readonly version: typeof keeperVersion
  /** The pid of the keeper: the one that everybody else knows. */
  readonly pid: number
  /** The descriptor of the channel to the keeper. */
  readonly channel: number
  /** What the generation is the successor of, without a predecessor: a generation that crashed. 1 for the first. */
  readonly generation: number
  /** The sockets that such a generation left. */
  readonly listeners: readonly KeptListener[]
  /** Whether zerodrop takes care of servers that do not ask for it: a keeper from before 0.2 says nothing of that. */
  readonly register?: boolean
}

/** From a generation to its keeper. */
export type ToKeeper =
  /** With the handle of a listening socket: keep a descriptor of it. */
  | { readonly type: 'keep'; readonly bound: string; readonly requested: string }
  /** Close that descriptor. */
  | { readonly type: 'drop'; readonly bound: string }
  /** This generation serves from now on: signals are for it, and its end is the end of the service. */
  | { readonly type: 'charge'; readonly generation: number }
  /** Start a program that inherits these sockets as descriptors 3 and up, and a stream to this process behind them. */
  | {
      readonly type: 'start'
      readonly id: number
      readonly file: string
      /** The first is the name under which the program finds itself called. */
      readonly args: readonly string[]
      readonly cwd: string
      readonly env: Readonly<Record<string, string>>
      readonly listeners: readonly string[]
    }
  /**
   * With the handle of the channel to the parent that has forked the keeper when it had another program: pass it on.
   * Without it the channel is closed, and the program still relies on having one.
   */
  | { readonly type: 'parent'; readonly serialization: 'json' | 'advanced' }
  /** The channel to the parent is closed, by either side: close it too, or the parent would not see it. */
  | { readonly type: 'parent-closed' }
  | { readonly type: 'kill'; readonly pid: number; readonly signal: NodeJS.Signals }
  /** What somebody asked through the control socket came to. */
  | { readonly type: 'answer'; readonly id: number; readonly result?: unknown; readonly error?: unknown }

/** From a keeper to a generation. */
export type FromKeeper =
  /** In answer to `start`, with the handle of this process's end of the stream. */
  | { readonly type: 'started'; readonly id: number; readonly pid: number }
  | { readonly type: 'not-started'; readonly id: number; readonly message: string }
  /** In answer to `drop`: nothing here holds that socket open. */
  | { readonly type: 'dropped'; readonly bound: string }
  /** A program that the generation had started has ended. */
  | {
      readonly type: 'ended'
      readonly pid: number
      readonly code: number | null
      readonly signal: NodeJS.Signals | null
    }
  /** Somebody asks through the control socket. */
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

/** The fields that have to be there, by type of message. */
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
  started: { id: isCount, pid: isCount },
  'not-started': { id: isCount, message: isText },
  dropped: { bound: isText },
  ended: { pid: isCount, code: isNullOr(isCount), signal: isNullOr(isText) },
  ask: { id: isCount, what: isText },
}

/** The message, if it is one; undefined for anything else, and for a type that is not known here. */
export function fromWire(value: unknown): ToKeeper | FromKeeper | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { zerodropKeeper, type } = value as { zerodropKeeper?: unknown; type?: unknown }
  if (zerodropKeeper !== keeperVersion || typeof type !== 'string') return undefined
  if (!Object.hasOwn(keeperFields, type)) return undefined
  const fields = Object.entries(keeperFields[type as keyof typeof keeperFields])
  const isWhole = fields.every(([name, check]) => check((value as Record<string, unknown>)[name]))
  return isWhole ? (value as unknown as ToKeeper | FromKeeper) : undefined
}

/** Reads `ZERODROP_KEEPER`; undefined if it holds anything that no keeper of this version writes. */
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
