import inspector from 'node:inspector'
import { constants } from 'node:os'
import { activationOf } from './activation.ts'
import { type KeptProgram, programFinder } from './found-program.ts'
import { useLittleMemory } from './keeper-memory.ts'
import type { Program } from './node-internals.ts'
import { setOomScore, spareThisProcess } from './oom-score.ts'
import { type ClosableHandle, type KeptChannel, ParentChannel } from './parent-channel.ts'
import { processStat } from './process-stat.ts'
import { spawnGeneration } from './spawned-child.ts'
import type { Release } from './system.ts'
import { writeError } from './write-error.ts'

/** A generation as its keeper sees it. */
export interface Child {
  readonly pid: number
  /**
   * @param handle a native handle whose descriptor is sent too @param sent called when the message was sent
   * or has failed
   */
  send(message: object, handle?: object, sent?: () => void): void
  onMessage(listener: (message: unknown, handle: unknown) => void): void
  /** Called once, when its process has ended and all its messages have arrived. */
  onEnd(listener: (code: number | null, signal: NodeJS.Signals | null) => void): void
  kill(signal: NodeJS.Signals): void
  /** The end of a requested stream to it, for another process; undefined if there is none. */
  readonly stream: { readonly handle: object; close(): void } | undefined
}

/** Everything that the keeper uses from outside. Tests replace it. */
export interface KeeperSystem {
  readonly pid: number
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** How many sockets a service manager has opened for this process, as descriptors 3 and up. */
  readonly activated: number
  /** Whether this process has a terminal, or may have one. */
  readonly terminal: boolean
  /**
   * Starts a generation, with the descriptors as 3 and up, then the stream if it is requested, then the
   * channel.
   * @throws an error with Node's words if it cannot be started
   */
  spawn(program: Omit<Program, 'stdio'>, descriptors: readonly number[], withStream: boolean): Promise<Child>
  /** Records a program so that it can be started again from the current release: see `programFinder`. */
  finder(program: KeptProgram): () => KeptProgram
  /**
   * From now on passes a channel to a parent, which this process's earlier program had, on to each
   * generation. Without this call, a channel that this process was started with is passed on.
   */
  takeParent(handle: ClosableHandle | undefined, serialization: 'json' | 'advanced'): void
  /** Closes this process's end of that channel. Later generations get a channel without a reader. */
  closeParent(): void
  onSignal(signal: NodeJS.Signals, listener: () => void): Release
  setTimeout(callback: () => void, milliseconds: number): Release
  now(): number
  writeError(line: string): void
  /** Collects the garbage of a start, or of an ended generation. */
  collectGarbage(): void
  /** Ends this process with another process's status or signal. */
  endAs(code: number | null, signal: NodeJS.Signals | null): void
}

/** Signals that show a shell or a supervisor that a process was stopped and did not crash. */
const told: ReadonlySet<NodeJS.Signals> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'])

/**
 * The current process, as a keeper.
 * @param onEnd called right before it ends
 * @param heardEarly whether a signal has arrived before its handler was added
 */
export function keeperSystem(
  onEnd: () => void,
  heardEarly: (signal: NodeJS.Signals) => boolean = () => false,
): KeeperSystem {
  // NODE_OPTIONS=--inspect is meant for the application, which would otherwise find the port in use.
  inspector.close()
  const releases = new Set<Release>()
  const own = ParentChannel.own()
  // The serving generation reads it.
  own?.wait()
  let parent: KeptChannel | undefined = own
  const score = spareThisProcess()
  return {
    pid: process.pid,
    env: process.env,
    activated: activatedFor(process.env),
    terminal: processStat(process.pid)?.terminal !== 0,
    async spawn(program, descriptors, withStream) {
      const child = await spawnGeneration(program, descriptors, { withStream, parent })
      if (score !== undefined) setOomScore(child.pid, score)
      return child
    },
    finder: programFinder,
    takeParent(handle, serialization) {
      parent?.close()
      parent = ParentChannel.handed(handle, serialization)
    },
    closeParent() {
      parent?.close()
    },
    onSignal(signal, listener) {
      process.on(signal, listener)
      if (heardEarly(signal)) setImmediate(listener)
      const release = (): void => {
        process.off(signal, listener)
      }
      releases.add(release)
      return release
    },
    setTimeout(callback, milliseconds) {
      const timer = setTimeout(callback, milliseconds)
      return () => clearTimeout(timer)
    },
    now: () => performance.now(),
    collectGarbage: useLittleMemory(),
    writeError,
    endAs(code, signal) {
      onEnd()
      for (const release of releases) release()
      // The kernel does not deliver a signal to process 1 without a handler for it.
      if (signal !== null && told.has(signal) && process.pid !== 1) process.kill(process.pid, signal)
      else process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal])
    },
  }
}

function activatedFor(env: NodeJS.ProcessEnv): number {
  const activation = activationOf(env)
  return activation?.pid === true ? activation.count : 0
}
