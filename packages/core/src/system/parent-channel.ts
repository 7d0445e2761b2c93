import type { ChildProcess } from 'node:child_process'
import { type ParentPipe, parentPipe } from './node-internals.ts'
import type { ParentReader } from './system.ts'

/**
 * The channel between this process and the one that forked it. It is the application's: every generation has it as
 * `process.send()` and the rest, and all may write to it. One reads it, the one that serves.
 */
export class ParentChannel implements ParentReader {
  readonly #pipe: ParentPipe | undefined

  private constructor(pipe: ParentPipe | undefined) {
    this.#pipe = pipe
  }

  /** That of this process; undefined for a program that was started without one. */
  static own(): ParentChannel | undefined {
    return process.send === undefined ? undefined : new ParentChannel(parentPipe())
  }

  /** What a successor has as the descriptor of its channel. */
  get stdio(): number | 'pipe' {
    // If the parent or the application has closed it, one that leads nowhere: a program may rely on having one.
    return process.connected && this.#pipe !== undefined ? this.#pipe.fd : 'pipe'
  }

  /** The variables by which Node opens a channel on a descriptor. */
  variables(fd: number): NodeJS.ProcessEnv {
    return {
      NODE_CHANNEL_FD: String(fd),
      NODE_CHANNEL_SERIALIZATION_MODE: this.#pipe?.serialization ?? 'json',
    }
  }

  /** Keeps this end of a channel that leads nowhere open until this process ends. */
  static keep(child: ChildProcess, fd: number): void {
    const end = child.stdio[fd]
    if (end === null || end === undefined || !('resume' in end)) return
    end.on('error', () => {})
    end.resume()
    ;(end as { unref?(): void }).unref?.()
  }

  /** Leaves the reading to the predecessor, before the event loop has read anything. */
  wait(): void {
    this.stopReading()
  }

  read(rest = ''): void {
    if (process.connected) this.#pipe?.readStart(Buffer.from(rest, 'base64'))
  }

  stopReading(): string {
    return (process.connected && this.#pipe?.readStop().toString('base64')) || ''
  }
}
