import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '../../fail.ts'
import { until } from '../until.ts'
import { Family, send } from './family.ts'
import { isStopped, processEntry } from './proc.ts'
import type { ProcessEntry } from './proc.ts'
import type { Exit, Running } from './running.ts'

/** A server that was running before verify started. Situations may signal it; verify never kills it. */
export class AdoptedServer implements Running {
  readonly pid: number
  readonly exited: Promise<Exit>
  exit: Exit | undefined
  readonly output = ''
  readonly outputEnded = Promise.resolve()
  readonly #family: Family
  #released = false

  /** @throws Failure if the process does not exist or belongs to another user */
  constructor(pid: number) {
    const entry = processEntry(pid)
    if (entry === undefined) throw new Failure(`There is no process ${pid}.`, { status: 2 })
    try {
      process.kill(pid, 0)
    } catch {
      throw new Failure(`Process ${pid} belongs to another user: run verify as that user.`, { status: 2 })
    }
    this.pid = pid
    this.#family = new Family(pid)
    this.exited = this.#watch(entry.started)
  }

  members(): ProcessEntry[] {
    return this.#family.members()
  }

  signal(signal: NodeJS.Signals): void {
    if (this.members().some(({ pid }) => pid === this.pid)) send(this.pid, signal)
  }

  async freeze(): Promise<void> {
    this.#family.signal('SIGSTOP')
    await until(
      () => this.members().every(({ pid }) => isStopped(pid)) || undefined,
      performance.now() + 5000,
    )
  }

  thaw(): void {
    this.#family.signal('SIGCONT')
  }

  killNow(): void {
    this.thaw()
  }

  async kill(): Promise<void> {
    this.#released = true
    this.thaw()
  }

  async #watch(started: number): Promise<Exit> {
    while (!this.#released && processEntry(this.pid)?.started === started)
      await delay(5, undefined, { ref: false })
    this.exit = { status: undefined, signal: null, at: performance.now() }
    return this.exit
  }
}
