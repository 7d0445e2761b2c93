import type { ChildProcess } from 'node:child_process'
import type { KeptProgram } from './found-program.ts'
import type { FromKeeper, ToKeeper } from './keeper-protocol.ts'
import { type Channel, openChannel } from './node-internals.ts'
import { hasEnded } from './process-stat.ts'

/**
 * A successor that the keeper has started, as this process sees it: its channel, and the end of its process.
 */
interface KeptChild extends Channel {
  pid?: number
  exitCode: number | null
  signalCode: NodeJS.Signals | null
  kill(signal?: NodeJS.Signals): boolean
  unref(): void
}

/** A native handle that has brought a descriptor. */
export interface NativeHandle {
  readonly fd: number
  close(): void
}

/** How long a suspended or busy keeper may take to start a program, in milliseconds. */
const startTimeout = 10_000

/** How often to look whether a successor has ended that a dead keeper had started, in milliseconds. */
const interval = 50

/** The successors that the keeper has started for this process. */
export class KeptChildren {
  /** Sends a message to the keeper. Returns false if the keeper is gone. */
  readonly #send: (message: ToKeeper) => boolean
  readonly #starting = new Map<
    number,
    (answer: FromKeeper | undefined, handle: NativeHandle | undefined) => void
  >()
  readonly #children = new Map<number, KeptChild>()
  readonly #startTimeout: number
  #lastId = 0

  constructor(send: (message: ToKeeper) => boolean, timeout: number = startTimeout) {
    this.#send = send
    this.#startTimeout = timeout
  }

  /**
   * Starts a program through the keeper.
   * @returns the child, as `child_process.spawn()` would return it with a channel
   */
  start({ file, args, cwd, env, script }: KeptProgram, listeners: readonly string[]): Promise<ChildProcess> {
    const id = ++this.#lastId
    const variables = Object.fromEntries(
      Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    )
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        clearTimeout(timer)
        this.#starting.delete(id)
        reject(new Error(reason))
      }
      const timer = setTimeout(
        () => fail(`the keeper has not answered for ${this.#startTimeout} ms; it may be suspended`),
        this.#startTimeout,
      )
      this.#starting.set(id, (answer, handle) => {
        if (answer === undefined) return fail('the keeper is gone')
        if (answer.type === 'not-started') return fail(answer.message)
        if (answer.type !== 'started') return
        const child = handle && this.#adopt(answer.pid, handle)
        if (child === undefined) {
          this.#send({ type: 'kill', pid: answer.pid, signal: 'SIGKILL' })
          return fail(
            'the channel to it could not be opened; this process may have too many open files (EMFILE)',
          )
        }
        clearTimeout(timer)
        this.#starting.delete(id)
        resolve(child as unknown as ChildProcess)
      })
      const message = { type: 'start', id, file, args, cwd, env: variables, listeners } as const
      const isSent = this.#send({ ...message, ...(script !== undefined && { script }) })
      if (!isSent) this.#starting.get(id)?.(undefined, undefined)
    })
  }

  /** The keeper has started a process, or could not. */
  onStarted(
    answer: FromKeeper & { type: 'started' | 'not-started' },
    handle: NativeHandle | undefined,
  ): void {
    const onAnswer = this.#starting.get(answer.id)
    if (onAnswer !== undefined) return onAnswer(answer, handle)
    // The restart has failed already: the late successor must not wait for its predecessor.
    handle?.close()
    if (answer.type === 'started') this.#send({ type: 'kill', pid: answer.pid, signal: 'SIGKILL' })
  }

  /** A child has ended. */
  onEnded({ pid, code, signal }: Omit<FromKeeper & { type: 'ended' }, 'type'>): void {
    const child = this.#children.get(pid)
    if (child === undefined) return
    this.#children.delete(pid)
    child.exitCode = code
    child.signalCode = signal
    child.emit('exit', code, signal)
  }

  /** Fails the starts under way, and watches the children from here on. */
  onKeeperGone(): void {
    for (const answer of this.#starting.values()) answer(undefined, undefined)
    for (const [pid, child] of this.#children) this.#watch(pid, child)
  }

  /** The handle that brought the descriptor stays as it is: closing it would close the channel's descriptor. */
  #adopt(pid: number, { fd }: NativeHandle): KeptChild | undefined {
    const child = openChannel(fd) as KeptChild | undefined
    if (child === undefined) return undefined
    child.pid = pid
    child.kill = (signal = 'SIGTERM') => {
      const isSent = this.#send({ type: 'kill', pid, signal })
      if (!isSent && this.#children.has(pid)) killOrphan(pid, signal)
      return this.#children.has(pid)
    }
    // This object has no process: only the channel could keep this process alive.
    child.unref = () => child.channel?.unref()
    this.#children.set(pid, child)
    return child
  }

  /** Watches a child of a dead keeper. The process that reaps it does not report how it ended. */
  #watch(pid: number, child: KeptChild): void {
    const look = (): void => {
      if (hasEnded(pid)) this.onEnded({ pid, code: null, signal: null })
      else setTimeout(look, interval).unref()
    }
    if (child.connected) child.once('disconnect', look)
    else look()
  }
}

function killOrphan(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended: only that matters.
  }
}
