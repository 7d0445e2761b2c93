import cluster, { type Worker } from 'node:cluster'
import { onSharedHandle } from './node-internals.ts'
import type { ClusterSystem, Release } from './system.ts'

/** The part of `node:cluster` that zerodrop uses, in a primary and in a worker. It listens to nothing before it is asked. */
export function realCluster(): ClusterSystem {
  /** Those that live, whether they are still connected or not, each with the signal that it was sent. */
  const workers = new Map<Worker, NodeJS.Signals | undefined>()
  return {
    onWorkers(observer) {
      const fork = (worker: Worker): void => {
        workers.set(worker, undefined)
        observer.onFork()
      }
      const listening = (worker: Worker): void => observer.onListening(worker.id)
      const exit = (worker: Worker, code: number | null, signal: NodeJS.Signals | null): void => {
        const asked = workers.get(worker)
        workers.delete(worker)
        observer.onExit(worker.id, code === 0 || (code === null && signal === asked))
      }
      for (const worker of Object.values(cluster.workers ?? {})) if (worker !== undefined) fork(worker)
      return on([
        ['fork', fork],
        ['listening', listening],
        ['exit', exit],
      ])
    },
    onSharedHandle: (listener) => onSharedHandle(listener) ?? (() => {}),
    get workers() {
      return [...workers.keys()].map(({ id }) => id)
    },
    stopWorker(id, signal) {
      const worker = [...workers.keys()].find((each) => each.id === id)
      if (worker === undefined) return
      workers.set(worker, signal)
      // What it is for: an application forks no other for a worker that ends because it was asked to.
      worker.exitedAfterDisconnect = true
      // Windows has no signals: there a worker would end where it is.
      if (process.platform === 'win32' && signal !== 'SIGKILL') worker.disconnect()
      else worker.process.kill(signal)
    },
    onPrimaryGone(listener) {
      const { worker } = cluster
      if (worker === undefined || worker === null) return () => {}
      const onDisconnect = (): void => {
        // Node looks at this property next, and ends the process unless it is true.
        // https://github.com/nodejs/node/blob/v20.19.0/lib/internal/cluster/child.js (cluster._setupWorker)
        if (!worker.exitedAfterDisconnect && listener()) worker.exitedAfterDisconnect = true
      }
      worker.on('disconnect', onDisconnect)
      return () => worker.off('disconnect', onDisconnect)
    },
  }
}

function on(listeners: [event: string, listener: (...args: never[]) => void][]): Release {
  for (const [event, listener] of listeners) cluster.on(event, listener as (...args: unknown[]) => void)
  return () => {
    for (const [event, listener] of listeners) cluster.off(event, listener as (...args: unknown[]) => void)
  }
}
