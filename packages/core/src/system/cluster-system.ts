import type { ListeningHandle } from './node-internals.ts'
import type { Release } from './system.ts'

/** The state of a primary of node:cluster for new connections; `closed` when it has handed over the last. */
export type PrimaryState = 'serving' | 'stopping' | 'closed'

/** Callbacks for the workers of a primary of node:cluster. */
export interface WorkersObserver {
  /** A worker asks for its primary's state. */
  onAsked(): PrimaryState
  onFork(): void
  /** A worker listens, so the cluster serves. */
  onListening(id: number): void
  /** @param well whether it ended as expected: with status 0, or by the signal that it was sent */
  onExit(id: number, well: boolean): void
}

/** node:cluster. */
export interface ClusterSystem {
  /** Begins to follow the workers. Calls `onFork` for existing ones. */
  onWorkers(observer: WorkersObserver): Release
  /** Calls back when the primary has bound a socket on which the workers accept themselves. */
  onSharedHandle(listener: (handle: ListeningHandle) => void): Release
  /** The ids of the live workers. */
  readonly workers: readonly number[]
  /** Sends a worker a signal, unless it has said that it stops; `isForced` sends it anyway. */
  stopWorker(id: number, signal: NodeJS.Signals, isForced?: boolean): void
  /**
   * In a worker, tells its primary that it stops, so that the primary does not send the same signal again.
   */
  tellStopping(): void
  /** The number of this worker; 0 in other processes. */
  readonly workerId: number
  /** In a worker, whether its primary has ever answered `askPrimary()`, as one with zerodrop does. */
  readonly primaryAnswers: boolean
  /**
   * In a worker, asks for its primary's state. The answer arrives after every connection that the primary
   * had sent before; a primary without zerodrop does not answer.
   */
  askPrimary(listener: (state: PrimaryState) => void): Release
  /** In a worker, calls back when its primary is gone. Node ends the process then, unless the listener returns true. */
  onPrimaryGone(listener: () => boolean): Release
}
