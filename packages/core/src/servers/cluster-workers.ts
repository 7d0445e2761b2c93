import { acceptQueued } from '../drain/accept-queued.ts'
import type { Reporter } from '../events/reporter.ts'
import { refuseUnix } from '../listeners/refuse-unix.ts'
import type { Settings } from '../options/options.ts'
import { type ListeningHandle, holdHanded } from '../system/node-internals.ts'
import type { PrimaryState } from '../system/cluster-system.ts'
import type { Release, System } from '../system/system.ts'

/**
 * How much longer than its own deadline a primary waits for its workers, in milliseconds. Each worker has a
 * deadline.
 */
const workersTimeout = 5000

/**
 * How long the accept queue has to be empty, in milliseconds: the workers go on to answer, and their clients come back. Those
 * that do are held.
 */
const handedQuiet = 50

/** How the workers ended. */
export interface WorkersResult {
  readonly workers: number
  /** How many of them ended with a status other than 0, or had to be killed. */
  readonly failed: number
  /** How many new connections the kernel may have reset. */
  readonly reset: number
}

interface Stop {
  readonly signal: NodeJS.Signals
  /** The workers that the primary waits for. */
  readonly awaited: Set<number>
  failed: number
  hurried: boolean
  readonly end: () => void
}

/**
 * The workers of this process, if it is a primary of node:cluster. The primary has the listening sockets,
 * and Node hands connections to the workers, which have the servers. When the primary stops, it asks its
 * workers to stop and waits for them.
 */
export class ClusterWorkers {
  readonly #system: System
  readonly #reporter: Reporter
  /** The sockets on which Node accepts connections for the workers. */
  readonly #handles = new Set<ListeningHandle>()
  /**
   * The sockets on which the workers accept connections themselves. This process has them too, but does not
   * accept.
   */
  readonly #shared = new Set<ListeningHandle>()
  #stop: Stop | undefined
  #state: PrimaryState = 'serving'

  constructor(system: System, reporter: Reporter) {
    this.#system = system
    this.#reporter = reporter
  }

  get size(): number {
    return this.#system.cluster.workers.length
  }

  /** Node has opened a socket to accept connections for the workers. */
  addHandle(handle: ListeningHandle): void {
    this.#handles.add(handle)
  }

  /** @param onChange called when a worker starts, ends, or begins to listen */
  watch(onChange: (listens: boolean) => void): Release {
    let sharing: Release | undefined
    const watching = this.#system.cluster.onWorkers({
      onAsked: () => this.#state,
      onFork: () => {
        sharing ??= this.#system.cluster.onSharedHandle((handle) => this.#shared.add(handle))
        onChange(false)
      },
      onListening: (id) => {
        // The application replaces workers that end. A new worker would keep serving, so it is asked to end
        // as well.
        if (this.#stop !== undefined) this.#system.cluster.stopWorker(id, this.#stop.signal)
        onChange(true)
      },
      onExit: (id, well) => {
        this.#onExit(id, well)
        onChange(false)
      },
    })
    return () => {
      watching()
      sharing?.()
    }
  }

  /**
   * Asks every worker to end, closes the sockets whose connections are handed to them, and resolves when all
   * workers have ended. Never rejects.
   */
  async stop(signal: NodeJS.Signals, { drainDelay, drainTimeout }: Settings): Promise<WorkersResult> {
    const { cluster } = this.#system
    const { workers } = cluster
    if (workers.length === 0) return { workers: 0, failed: 0, reset: 0 }
    const timers: Release[] = []
    const wait = (milliseconds: number): Promise<void> =>
      new Promise((resolve) => {
        timers.push(this.#system.setTimeout(resolve, milliseconds))
      })
    let end = (): void => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const stop: Stop = { signal, awaited: new Set(workers), failed: 0, hurried: false, end }
    this.#stop = stop
    this.#state = 'stopping'
    // The last process to close such a socket resets its queue. That has to be a worker, which knows whether
    // the queue is empty.
    for (const handle of this.#shared) handle.close()
    this.#shared.clear()
    // A signal to the process group has reached the workers too: their messages about it arrive in this tick.
    await new Promise<void>((resolve) => {
      this.#system.setImmediate(resolve)
    })
    for (const id of workers) cluster.stopWorker(id, signal, stop.hurried)
    timers.push(this.#system.setTimeout(() => this.#kill(), drainDelay + drainTimeout + workersTimeout))
    if (drainDelay > 0) await Promise.race([wait(drainDelay), ended])
    const reset = await this.#closeHandles()
    this.#state = 'closed'
    await ended
    for (const release of timers) release()
    for (const id of cluster.workers) cluster.stopWorker(id, signal)
    return { workers: workers.length, failed: stop.failed, reset }
  }

  /** Passes a second signal on, at which the workers cut the rest of their requests. */
  force(): void {
    if (this.#stop === undefined) return
    this.#stop.hurried = true
    for (const id of this.#stop.awaited) this.#system.cluster.stopWorker(id, this.#stop.signal, true)
  }

  async #closeHandles(): Promise<number> {
    for (const { fd } of this.#handles) if (fd !== undefined) refuseUnix(fd)
    const queues = [...this.#handles].map((handle) => holdHanded(handle))
    this.#handles.clear()
    const resets = queues.map((queue) =>
      acceptQueued(queue, this.#system, () => this.#stop?.hurried === true, handedQuiet),
    )
    return (await Promise.all(resets)).reduce((sum, reset) => sum + reset, 0)
  }

  #onExit(id: number, well: boolean): void {
    const stop = this.#stop
    if (stop === undefined || !stop.awaited.delete(id)) return
    if (!well) stop.failed++
    if (stop.awaited.size === 0) stop.end()
  }

  #kill(): void {
    const { awaited = new Set<number>() } = this.#stop ?? {}
    const ids = [...awaited].join(', ')
    this.#reporter.write(
      `killed the cluster workers that had not ended at their deadline: ${ids}`,
      { ids },
      'warn',
    )
    for (const id of awaited) this.#system.cluster.stopWorker(id, 'SIGKILL', true)
    if (this.#stop !== undefined) this.#stop.failed += awaited.size
    awaited.clear()
    this.#stop?.end()
  }
}
