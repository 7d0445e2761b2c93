import type { ChildProcess } from 'node:child_process'
import { type ParentPipe, parentPipe } from './node-internals.ts'
import type { ParentReader } from './system.ts'

/** The variable that tells a generation that its channel has no reader. */
export const nowhereVariableName = 'ZERODROP_NO_PARENT'

const nowhereKey = Symbol.for('zerodrop.no-parent.v1')

/** Leaves the parent's messages to the generations of the keeper that this process is about to become. */
export function holdParentChannel(): void {
  ParentChannel.own()?.wait()
}

/** The channel to a parent as a keeper has it, which passes it on and never reads it. */
export type KeptChannel = Pick<ParentChannel, 'stdio' | 'variables' | 'close'>

/** A native handle that has brought a descriptor. */
export interface ClosableHandle {
  readonly fd: number
  close(): void
}

/**
 * The channel between this process and the parent that forked it. It belongs to the application: every
 * generation has it as `process.send()` and so on, and all may write to it. Only the serving generation
 * reads it.
 */
export class ParentChannel implements ParentReader {
  readonly #pipe: ParentPipe | undefined
  readonly #leadsNowhere = leadsNowhere()

  private constructor(pipe: ParentPipe | undefined) {
    this.#pipe = pipe
  }

  /**
   * The channel of the program that this process had before: a generation has sent the handle of its end.
   * @param handle is not read here and need not be kept elsewhere; undefined for a channel without a reader
   */
  static handed(handle: ClosableHandle | undefined, serialization: 'json' | 'advanced'): HandedChannel {
    return new HandedChannel(handle, serialization)
  }

  /** The channel of this process; undefined if it was started without one. */
  static own(): ParentChannel | undefined {
    return process.send === undefined ? undefined : new ParentChannel(parentPipe())
  }

  /** The descriptor of a successor's channel. */
  get stdio(): number | 'pipe' {
    // If the parent or the application has closed it, a channel without a reader: a program may rely on
    // having one.
    return this.#open?.fd ?? 'pipe'
  }

  /** The handle for sending its descriptor to another process; undefined if the channel has no reader. */
  get handle(): object | undefined {
    return this.#open?.handle
  }

  get serialization(): 'json' | 'advanced' {
    return this.#pipe?.serialization ?? 'json'
  }

  get #open(): ParentPipe | undefined {
    return process.connected && !this.#leadsNowhere ? this.#pipe : undefined
  }

  /** The variables that make Node open a channel on a descriptor. */
  variables(fd: number): NodeJS.ProcessEnv {
    return channelVariables(fd, this.serialization, this.stdio)
  }

  /** Closes this process's end. */
  close(): void {
    if (process.connected) process.disconnect()
  }

  /** Keeps the other end of a channel without a reader open until this process ends. */
  static keep(child: ChildProcess, fd: number): void {
    const end = child.stdio[fd]
    if (end === null || end === undefined || !('resume' in end)) return
    end.on('error', () => {})
    end.resume()
    ;(end as { unref?(): void }).unref?.()
  }

  /** Leaves reading to the predecessor, before the event loop has read anything. */
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

class HandedChannel implements KeptChannel {
  #handle: ClosableHandle | undefined
  readonly #serialization: 'json' | 'advanced'

  constructor(handle: ClosableHandle | undefined, serialization: 'json' | 'advanced') {
    this.#handle = handle
    this.#serialization = serialization
  }

  get stdio(): number | 'pipe' {
    return this.#handle?.fd ?? 'pipe'
  }

  variables(fd: number): NodeJS.ProcessEnv {
    return channelVariables(fd, this.#serialization, this.stdio)
  }

  close(): void {
    this.#handle?.close()
    this.#handle = undefined
  }
}

function channelVariables(
  fd: number,
  serialization: 'json' | 'advanced',
  stdio: number | 'pipe',
): NodeJS.ProcessEnv {
  return {
    NODE_CHANNEL_FD: String(fd),
    NODE_CHANNEL_SERIALIZATION_MODE: serialization,
    ...(stdio === 'pipe' && { [nowhereVariableName]: '1' }),
  }
}

/**
 * Whether the channel of this process has no reader. Its other end closes with the process that started this
 * one, and a successor that is starting at that moment would write to a closed channel: so it gets its own.
 */
function leadsNowhere(): boolean {
  const registry = globalThis as { [nowhereKey]?: boolean }
  if (process.env[nowhereVariableName] === undefined) return registry[nowhereKey] === true
  delete process.env[nowhereVariableName]
  Object.defineProperty(globalThis, nowhereKey, { value: true })
  return true
}
