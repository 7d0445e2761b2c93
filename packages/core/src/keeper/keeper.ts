import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { KeptProgram } from '../system/found-program.ts'
import {
  type FromKeeper,
  fromWire,
  type KeeperOrders,
  keeperVariableName,
  keeperVersion,
  toWire,
  type ToKeeper,
} from '../system/keeper-protocol.ts'
import type { Child, KeeperSystem } from '../system/keeper-system.ts'
import { Backoff } from './backoff.ts'
import { type Outcome, type Reply, revive } from './revival.ts'

export interface KeeperOptions {
  /**
   * Starts a crashed generation again, with exponential back-off, and keeps its ports open in the meantime.
   * Otherwise the keeper exits with the generation's status.
   * @default false
   */
  readonly respawn: boolean
  /** How many crashes in a row end the keeper anyway. Infinity for no limit. */
  readonly maxCrashes: number
  /**
   * Loads zerodrop into an application that does not use it.
   * @default false
   */
  readonly register?: boolean
  /** What the serving generation does if the keeper dies. Undefined for the application's own option. */
  readonly onDeath?: 'drain' | 'serve' | undefined
}

/** These signals end a process that does not handle them, and one that is starting. */
const stops: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT']

/** These signals may mean a restart, and would end a generation that is starting. */
const others: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGUSR1', 'SIGUSR2']

/** How much of a generation's output to repeat in an answer, in characters. */
const mostPrinted = 8000

/** A native handle of a socket, which never listens in this process. */
interface Handle {
  readonly fd: number
  close(): void
}

interface Listener {
  readonly handle: Handle
  readonly requested: string
}

/**
 * Holds the pid that other programs rely on, and a descriptor of every listening socket, while generations
 * of the application run as its children. It starts them, passes signals on to the serving generation, and
 * exits with the status of the last one. Two generations talk over a separate stream, which the keeper never
 * reads.
 */
export class Keeper {
  readonly #system: KeeperSystem
  readonly #options: KeeperOptions
  readonly #backoff: Backoff
  readonly #generations = new Map<number, Child>()
  readonly #listeners = new Map<string, Listener>()
  /**
   * Finds the program to start without a predecessor. Undefined until an adopted generation has started
   * another one.
   */
  #program: (() => KeptProgram) | undefined
  /** The number of the serving generation, or of the last one that served. */
  #generation = 1
  #serving: Child | undefined
  /**
   * The generation that served last, even if it has ended; undefined while one starts without a predecessor.
   */
  #last: Child | undefined
  /** How that generation has ended. */
  #ended: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined
  #stopping = false
  /** The generation that got a signal to stop last, and the signal. */
  #told: { readonly generation: Child; readonly signal: NodeJS.Signals } | undefined
  /** Ends the wait for the next start of a crashed application; undefined while none waits. */
  #startAgain: (() => void) | undefined
  /** Signals that arrived while no generation served, each once. */
  readonly #waiting = new Set<NodeJS.Signals>()
  /** The pending requests, and the generations that have to answer them. */
  readonly #asked = new Map<
    number,
    { readonly of: Child; readonly settle: (answer?: ToKeeper & { type: 'answer' }) => void }
  >()
  #lastAsked = 0
  /** When a crashed application that waits starts again. */
  #startsAt = 0
  /** Who waits for the next start of a crashed application to succeed or fail. */
  readonly #awaited = new Set<(outcome: Outcome | undefined) => void>()
  /** The last output on stderr of a starting generation that somebody waits for. */
  #printed = ''

  /** @param program the program to start first; undefined if a generation is adopted */
  constructor(system: KeeperSystem, program: KeptProgram | undefined, options: KeeperOptions) {
    this.#system = system
    this.#program = program && system.finder(program)
    this.#options = options
    this.#backoff = new Backoff(system)
  }

  /**
   * Starts the first generation.
   *
   * Rejects with `ERR_ZERODROP_SPAWN_FAILED` if it cannot be started.
   */
  async run(): Promise<void> {
    this.#watchSignals()
    await this.#startFirst()
  }

  /** Adopts a generation that is running and serving. */
  adopt(child: Child, generation: number): void {
    this.#watchSignals()
    this.#serving = child
    this.#last = child
    this.#generation = generation
    this.#add(child)
  }

  /** The pid of the serving generation; undefined while there is none. */
  get serving(): number | undefined {
    return this.#serving?.pid
  }

  /**
   * Sends a request to the serving generation, and resolves with its answer.
   *
   * While a crashed application waits for its next start, `restart` starts it at once, and resolves when it
   * is ready or has crashed again; `status` resolves with what the keeper knows.
   *
   * Rejects with `ERR_ZERODROP_NOT_SERVING` if there is none, or if it ends without an answer.
   * @param abort the program that asks no longer waits
   */
  ask(what: (FromKeeper & { type: 'ask' })['what'], abort?: AbortSignal): Promise<Reply> {
    const generation = this.#serving
    if (generation === undefined) return this.#askCrashed(what, abort) ?? Promise.reject(notServing())
    // A stop that cuts requests ends with status 1, which is no crash.
    if (what === 'stop') this.#stopping = true
    const id = ++this.#lastAsked
    return new Promise((resolve, reject) => {
      const settle = (answer?: ToKeeper & { type: 'answer' }): void => {
        this.#asked.delete(id)
        if (answer === undefined) reject(notServing())
        else resolve(answer)
      }
      this.#asked.set(id, { of: generation, settle })
      generation.send(toWire({ type: 'ask', id, what }))
    })
  }

  /** @returns undefined if the application has not crashed, or does not start again */
  #askCrashed(
    what: 'restart' | 'stop' | 'status',
    abort: AbortSignal | undefined,
  ): Promise<Reply> | undefined {
    const isCrashed = this.#options.respawn && this.#ended !== undefined && this.#last === undefined
    const waits = this.#startAgain !== undefined
    if (what === 'stop' || this.#stopping || !(isCrashed || waits)) return undefined
    if (what === 'status') return Promise.resolve({ result: this.#crashStatus() })
    const system = this.#system
    return revive(
      {
        waits,
        startNow: () => this.#startNow(),
        outcome: (signal) => this.#outcome(signal),
        ask: (question) => this.ask(question),
        setTimeout: (callback, milliseconds) => system.setTimeout(callback, milliseconds),
        now: () => system.now(),
      },
      abort,
    )
  }

  #crashStatus(): object {
    const waits = this.#startAgain !== undefined
    return {
      state: waits ? 'crashed' : 'starting',
      ready: false,
      keeper: this.#system.pid,
      crashes: this.#backoff.crashes,
      exit: this.#ended,
      ...(waits && { startsIn: Math.max(0, Math.round(this.#startsAt - this.#system.now())) }),
    }
  }

  #outcome(abort: AbortSignal | undefined): Promise<Outcome | undefined> {
    return new Promise((resolve) => {
      const settle = (outcome: Outcome | undefined): void => {
        this.#awaited.delete(settle)
        abort?.removeEventListener('abort', onAbort)
        resolve(outcome)
      }
      const onAbort = (): void => settle(undefined)
      this.#awaited.add(settle)
      abort?.addEventListener('abort', onAbort)
      if (abort?.aborted === true) onAbort()
    })
  }

  #settle(outcome: Outcome): void {
    for (const settle of this.#awaited) settle(outcome)
  }

  /** A deploy does not wait for the back-off: the code that crashed is not what starts. */
  #startNow(): void {
    if (this.#startAgain === undefined) return
    this.#backoff.renew()
    this.#startAgain()
  }

  #watchSignals(): void {
    for (const signal of stops) this.#system.onSignal(signal, () => this.#stop(signal))
    for (const signal of others) this.#system.onSignal(signal, () => this.#passOn(signal))
  }

  async #startFirst(): Promise<void> {
    if (this.#program === undefined) return
    this.#last = undefined
    const { file, args, cwd, env } = this.#program()
    // The application may rely on these descriptor numbers.
    const activated = Array.from({ length: this.#system.activated }, (_, index) => 3 + index)
    const behind = 3 + activated.length
    const listeners = [...this.#listeners].map(([bound, { handle, requested }], index) => ({
      descriptor: handle.fd,
      given: { bound, requested, fd: behind + index },
    }))
    const generation = this.#ended === undefined ? 1 : this.#generation + 1
    const variables = this.#tell(activated.length === 0 ? env : { ...env, ...this.#activation }, {
      channel: behind + listeners.length,
      generation,
      listeners: listeners.map(({ given }) => given),
      ...(this.#awaited.size > 0 && { tells: true }),
    })
    this.#printed = ''
    try {
      const child = await this.#system.spawn(
        { file, args, cwd, env: variables },
        [...activated, ...listeners.map(({ descriptor }) => descriptor)],
        false,
      )
      this.#add(child)
    } catch (cause) {
      throw new ZerodropError(
        'ERR_ZERODROP_SPAWN_FAILED',
        `The application could not be started: ${(cause as Error).message}. Check that ${file} and the directory ${cwd} exist and may be used.`,
        { cause },
      )
    }
  }

  /** A successor learns about these descriptors from its predecessor; one that replaces a crashed one has none. */
  get #activation(): NodeJS.ProcessEnv {
    const names = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const
    return Object.fromEntries(names.map((name) => [name, this.#system.env[name]]))
  }

  /** The environment of a generation, with the variables for this keeper. */
  #tell(
    env: Readonly<NodeJS.ProcessEnv>,
    own: Pick<KeeperOrders, 'channel' | 'generation' | 'listeners' | 'tells'>,
  ): NodeJS.ProcessEnv {
    const { onDeath, register } = this.#options
    const orders: KeeperOrders = {
      version: keeperVersion,
      pid: this.#system.pid,
      ...own,
      ...(register === true && { register }),
      ...(onDeath !== undefined && { onDeath }),
    }
    return { ...env, [keeperVariableName]: JSON.stringify(orders) }
  }

  #add(child: Child): void {
    this.#generations.set(child.pid, child)
    child.onMessage((value, handle) => {
      const message = fromWire(value) as ToKeeper | undefined
      if (message !== undefined) this.#onMessage(child, message, handle as Handle | undefined)
    })
    child.onEnd((code, signal) => this.#onEnd(child, code, signal))
  }

  #onMessage(from: Child, message: ToKeeper, handle: Handle | undefined): void {
    if (message.type === 'charge') this.#charge(from, message.generation)
    else if (message.type === 'start') void this.#start(from, message)
    else if (message.type === 'kill') this.#generations.get(message.pid)?.kill(message.signal)
    else if (message.type === 'answer') this.#asked.get(message.id)?.settle(message)
    else if (message.type === 'keep') this.#keep(message, handle)
    else if (message.type === 'stderr') this.#printed = (this.#printed + message.text).slice(-mostPrinted)
    else if (message.type === 'parent') this.#system.takeParent(handle, message.serialization)
    else if (message.type === 'parent-closed' && this.#serving === from) this.#system.closeParent()
    else if (message.type === 'drop') {
      if (this.#mayDrop(from)) this.#drop(message.bound)
      from.send(toWire({ type: 'dropped', bound: message.bound }))
    }
  }

  /** A generation that has handed over closes its sockets; its successor has them. */
  #mayDrop(from: Child): boolean {
    return this.#serving === undefined || this.#serving === from
  }

  /** @param handle undefined if this process has no room for its descriptor */
  #keep({ bound, requested }: ToKeeper & { type: 'keep' }, handle: Handle | undefined): void {
    if (handle === undefined)
      return this.#say(
        `this keeper has too many open files (EMFILE) to hold the socket of ${bound}: the application serves on, but cannot restart. Raise the limit (ulimit -n, or LimitNOFILE= of the unit), and start the service again`,
      )
    this.#drop(bound)
    this.#listeners.set(bound, { handle, requested })
  }

  #drop(bound: string): void {
    this.#listeners.get(bound)?.handle.close()
    this.#listeners.delete(bound)
  }

  #charge(from: Child, generation: number): void {
    this.#serving = from
    this.#last = from
    this.#generation = generation
    this.#backoff.succeeded()
    for (const signal of this.#waiting) from.kill(signal)
    this.#waiting.clear()
    this.#settle({ pid: from.pid })
  }

  async #start(from: Child, message: ToKeeper & { type: 'start' }): Promise<void> {
    const { id, file, args, cwd, env, script, listeners } = message
    try {
      const descriptors = listeners.map((address) => {
        const fd = this.#listeners.get(address)?.handle.fd
        if (fd === undefined)
          throw new Error(
            `the keeper has no socket of ${address}; it may have had too many open files (EMFILE)`,
          )
        return fd
      })
      const variables = this.#tell(env, {
        channel: 4 + descriptors.length,
        generation: this.#generation + 1,
        listeners: [],
      })
      const child = await this.#system.spawn({ file, args, cwd, env: variables }, descriptors, true)
      this.#add(child)
      // The newest deployed program starts after a crash.
      this.#program = this.#system.finder({ file, args, cwd, env, script })
      const { stream } = child
      from.send(toWire({ type: 'started', id, pid: child.pid }), stream?.handle, () => stream?.close())
    } catch (error) {
      from.send(toWire({ type: 'not-started', id, message: (error as Error).message }))
    }
  }

  #onEnd(child: Child, code: number | null, signal: NodeJS.Signals | null): void {
    this.#generations.delete(child.pid)
    for (const { of, settle } of this.#asked.values()) if (of === child) settle()
    for (const other of this.#generations.values())
      other.send(toWire({ type: 'ended', pid: child.pid, code, signal }))
    // The application does not handle this signal, such as SIGQUIT: the other generation would serve on.
    if (signal !== null && this.#told?.generation === child && this.#told.signal === signal)
      for (const other of this.#generations.values()) other.kill(signal)
    if (this.#last === child || this.#last === undefined) this.#ended = { code, signal }
    if (this.#serving === child) this.#serving = undefined
    if (this.#generations.size > 0) return this.#system.collectGarbage()
    const ended = this.#ended ?? { code, signal }
    this.#ended = ended
    const crashed = ended.code !== 0
    if (this.#options.respawn && crashed && !this.#stopping) this.#respawn()
    else this.#system.endAs(ended.code, ended.signal)
  }

  /** @param error why it could not be started, if it could not */
  #respawn(error?: string): void {
    const { code, signal } = this.#ended ?? { code: null, signal: null }
    const exited = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
    const how = `the application ${exited}`
    const crashes = this.#backoff.failed()
    const isLast = crashes >= this.#options.maxCrashes
    const delay = this.#backoff.delay
    const follows = isLast
      ? `that was crash ${crashes} in a row, so the keeper ends too`
      : `it starts again in ${delay} ms, and its ports stay open`
    this.#say(`${how}; ${follows}`)
    const isAwaited = this.#awaited.size > 0
    this.#settle({
      crash: `${error?.replace(/\.$/, '') ?? `T${how.slice(1)}`}; ${follows}.`,
      stderr: this.#printed,
    })
    const end = (): void => this.#system.endAs(code, signal)
    // First the answers leave.
    if (isLast && isAwaited) this.#system.setTimeout(end, 0)
    else if (isLast) end()
    else this.#startAfter(delay, end)
  }

  #startAfter(delay: number, end: () => void): void {
    const startAgain = (): void => {
      release()
      this.#startAgain = undefined
      if (this.#stopping) end()
      else
        this.#startFirst().catch(({ message }: Error) => {
          this.#say(message)
          this.#respawn(message)
        })
    }
    const release = this.#system.setTimeout(startAgain, delay)
    this.#startsAt = this.#system.now() + delay
    this.#startAgain = startAgain
  }

  #stop(signal: NodeJS.Signals): void {
    this.#stopping = true
    this.#waiting.clear()
    if (this.#serving !== undefined) {
      this.#told = { generation: this.#serving, signal }
      this.#serving.kill(signal)
    } else if (this.#generations.size > 0) for (const each of this.#generations.values()) each.kill(signal)
    else this.#system.endAs(null, signal)
  }

  #passOn(signal: NodeJS.Signals): void {
    if (this.#serving !== undefined) return this.#serving.kill(signal)
    // The application decides what it means.
    this.#waiting.add(signal)
    if (signal === 'SIGHUP') this.#startNow()
  }

  #say(line: string): void {
    this.#system.writeError(`zerodrop: ${line}`)
  }
}

function notServing(): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_NOT_SERVING',
    'The application does not serve. Look at what it prints, and ask again once it listens. If it listens already, it does not use ' +
      'zerodrop: add it, or start it without --no-register.',
  )
}
