import type { Child, KeeperSystem } from '../../src/system/keeper-system.ts'
import type { Release } from '../../src/system/system.ts'

interface Program {
  readonly args: readonly string[]
  readonly env: Readonly<NodeJS.ProcessEnv>
}

type Ended = readonly [code: number | null, signal: NodeJS.Signals | null]

/** A generation scripted by the test. */
export class FakeGeneration implements Child {
  readonly pid: number
  readonly program: Program
  readonly descriptors: readonly number[]
  readonly sent: { message: Record<string, unknown>; handle: object | undefined }[] = []
  readonly kills: NodeJS.Signals[] = []
  readonly stream: Child['stream']
  /** Whether the keeper has closed its end of the stream. */
  streamClosed = false
  readonly #onMessage: ((message: unknown, handle: unknown) => void)[] = []
  readonly #onEnd: ((code: number | null, signal: NodeJS.Signals | null) => void)[] = []

  constructor(pid: number, program: Program, descriptors: readonly number[], withStream: boolean) {
    this.pid = pid
    this.program = program
    this.descriptors = descriptors
    this.stream = withStream
      ? { handle: { fd: 99 }, close: () => void (this.streamClosed = true) }
      : undefined
  }

  send(message: object, handle?: object, sent: () => void = () => {}): void {
    this.sent.push({ message: message as Record<string, unknown>, handle })
    sent()
  }

  onMessage(listener: (message: unknown, handle: unknown) => void): void {
    this.#onMessage.push(listener)
  }

  onEnd(listener: (code: number | null, signal: NodeJS.Signals | null) => void): void {
    this.#onEnd.push(listener)
  }

  kill(signal: NodeJS.Signals): void {
    this.kills.push(signal)
  }

  says(message: object, handle?: object): void {
    for (const listener of this.#onMessage) listener({ zerodropKeeper: 1, ...message }, handle)
  }

  ends(code: number | null, signal: NodeJS.Signals | null = null): void {
    for (const listener of this.#onEnd) listener(code, signal)
  }

  /** The value that the generation finds in `ZERODROP_KEEPER`. */
  get orders(): unknown {
    return JSON.parse(this.program.env['ZERODROP_KEEPER'] ?? 'null')
  }
}

/** A world for a keeper in which generations, signals and time are scripted. */
export class FakeKeeperSystem implements KeeperSystem {
  readonly pid = 1
  readonly env = {}
  activated = 0
  terminal = false
  readonly spawned: FakeGeneration[] = []
  readonly errors: string[] = []
  readonly ends: Ended[] = []
  /** If set, the next `spawn` rejects with this. */
  spawnError: Error | undefined
  readonly #signals = new Map<NodeJS.Signals, () => void>()
  #timers: { at: number; callback: () => void }[] = []
  #now = 0

  async spawn(program: Program, descriptors: readonly number[], withStream: boolean): Promise<Child> {
    if (this.spawnError !== undefined) throw this.spawnError
    const child = new FakeGeneration(100 + this.spawned.length, program, descriptors, withStream)
    this.spawned.push(child)
    return child
  }

  finder<Given>(program: Given): () => Given {
    return () => program
  }

  /** The state of the channel to a parent. */
  parent: { handle: object | undefined; serialization: string } | 'closed' | undefined

  takeParent(handle: object | undefined, serialization: 'json' | 'advanced'): void {
    this.parent = { handle, serialization }
  }

  closeParent(): void {
    this.parent = 'closed'
  }

  onSignal(signal: NodeJS.Signals, listener: () => void): Release {
    this.#signals.set(signal, listener)
    return () => this.#signals.delete(signal)
  }

  handles(signal: NodeJS.Signals): boolean {
    return this.#signals.has(signal)
  }

  deliver(signal: NodeJS.Signals): void {
    this.#signals.get(signal)?.()
  }

  setTimeout(callback: () => void, milliseconds: number): Release {
    const timer = { at: this.#now + milliseconds, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  now(): number {
    return this.#now
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds
    const due = this.#timers.filter(({ at }) => at <= this.#now)
    this.#timers = this.#timers.filter(({ at }) => at > this.#now)
    for (const { callback } of due) callback()
  }

  collectGarbage(): void {}

  writeError(line: string): void {
    this.errors.push(line)
  }

  endAs(code: number | null, signal: NodeJS.Signals | null): void {
    this.ends.push([code, signal])
  }

  /** The generation that was started last. */
  get newest(): FakeGeneration {
    const last = this.spawned.at(-1)
    if (last === undefined) throw new Error('nothing was spawned')
    return last
  }
}
