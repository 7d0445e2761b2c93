import type { ChildProcess } from 'node:child_process'
import type { Release, System } from '../system/system.ts'

/** How long the hooks of a stopping successor may take after its drain, in milliseconds. */
const hooksTimeout = 60_000

/** The process of a successor: how it is reached, and how it ends. */
export class SuccessorProcess {
  readonly generation: number
  readonly pid: number
  /** Resolves when the process has ended. */
  readonly gone: Promise<void>
  readonly child: ChildProcess
  #ended = false

  constructor(child: ChildProcess & { pid: number }, generation: number) {
    this.child = child
    this.pid = child.pid
    this.generation = generation
    this.gone = new Promise((resolve) => {
      child.once('exit', () => {
        this.#ended = true
        resolve()
      })
    })
    // If a message or a signal does not reach it, only its end matters.
    child.on('error', () => {})
  }

  /** Its name in reports. */
  get name(): string {
    return `The successor (generation ${this.generation}, pid ${this.pid})`
  }

  /** False once it can no longer receive messages. */
  get connected(): boolean {
    return this.child.connected
  }

  /** How the process ended; undefined while it runs. Both are null if its keeper has died before it. */
  get exit(): { code: number | null; signal: NodeJS.Signals | null } | undefined {
    const { exitCode: code, signalCode: signal } = this.child
    return code === null && signal === null && !this.#ended ? undefined : { code, signal }
  }

  /** The same in words. */
  get ending(): string {
    if (this.exit === undefined) return 'closed the channel to this process'
    const { code, signal } = this.exit
    if (code === null && signal === null) return 'ended'
    return signal === null ? `exited with code ${code}` : `was ended by ${signal}`
  }

  /** Calls back when the channel is closed: by then all messages of the successor have arrived. */
  onGone(listener: () => void): Release {
    this.child.once('disconnect', listener)
    if (!this.child.connected) listener()
    return () => this.child.off('disconnect', listener)
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.child.kill(signal)
  }

  /** From here on neither the process nor the channel to it keeps this process alive. */
  unref(): void {
    this.child.unref()
    this.child.channel?.unref()
  }

  /**
   * Resolves when a successor that was dismissed has ended. Kills it if that takes longer than its deadlines allow.
   * @param drainTimeout milliseconds that its drain may take
   */
  async ended(system: System, drainTimeout: number): Promise<void> {
    const release = system.setTimeout(() => this.kill(), drainTimeout + hooksTimeout)
    await this.gone
    release()
  }
}
