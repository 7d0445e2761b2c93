import type { ChildProcess, SendHandle } from 'node:child_process'
import { type Socket as NodeSocket } from 'node:net'
import type { Child } from './keeper-system.ts'
import { type Program, spawnUntold, stopReading } from './node-internals.ts'
import { type KeptChannel, ParentChannel } from './parent-channel.ts'

/**
 * Starts a generation of a keeper, with the descriptors as 3 and up, then the stream if it is requested, then the
 * channel.
 */
export async function spawnGeneration(
  program: Omit<Program, 'stdio'>,
  descriptors: readonly number[],
  { withStream, parent }: { readonly withStream: boolean; readonly parent: KeptChannel | undefined },
): Promise<Child> {
  const stdio = ['inherit', 'inherit', 'inherit', ...descriptors, ...(withStream ? ['pipe'] : []), 'ipc']
  const env = { ...program.env, ...parent?.variables(stdio.length) }
  const entries = parent === undefined ? stdio : [...stdio, parent.stdio]
  const child = spawnUntold({ ...program, env, stdio: entries as never })
  if (child === undefined)
    throw new Error(`this version of Node (${process.version}) is not known to zerodrop`)
  if (child.pid === undefined) throw await new Promise<Error>((resolve) => child.once('error', resolve))
  // The signal cannot be sent, or the process has just died: only its end matters.
  child.on('error', () => {})
  if (parent !== undefined) ParentChannel.keep(child, stdio.length)
  return new SpawnedChild(child, child.pid, withStream ? streamOf(child, 3 + descriptors.length) : undefined)
}

/** Passes the stream on unread: it belongs to the two generations. */
function streamOf(child: ChildProcess, index: number): Child['stream'] {
  const socket = child.stdio[index] as unknown as NodeSocket
  const stopped = stopReading(socket)
  if (stopped === undefined) throw new Error('a stream for it could not be opened')
  return { handle: stopped.handle, close: () => void socket.destroy() }
}

class SpawnedChild implements Child {
  readonly pid: number
  readonly stream: Child['stream']
  readonly #child: ChildProcess

  constructor(child: ChildProcess, pid: number, stream: Child['stream']) {
    this.#child = child
    this.pid = pid
    this.stream = stream
  }

  send(message: object, handle?: object, sent: () => void = () => {}): void {
    if (!this.#child.connected) sent()
    else this.#child.send(message, handle as SendHandle | undefined, {}, () => sent())
  }

  onMessage(listener: (message: unknown, handle: unknown) => void): void {
    this.#child.on('message', listener)
  }

  onEnd(listener: (code: number | null, signal: NodeJS.Signals | null) => void): void {
    const child = this.#child
    const check = (): void => {
      const isOver = child.exitCode !== null || child.signalCode !== null
      if (!isOver || child.connected) return
      child.off('exit', check).off('disconnect', check)
      listener(child.exitCode, child.signalCode)
    }
    child.on('exit', check).on('disconnect', check)
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}
