import cluster, { type Worker } from 'node:cluster'
import { onInternalMessage, onSharedHandle, sendInternalMessage } from './node-internals.ts'
import type { ClusterSystem, PrimaryState } from './cluster-system.ts'
import type { Release } from './system.ts'

/** A worker's messages to its primary: that it stops, or a question about the primary's state. */
type Message = { readonly act: 'stopping' } | Question

interface Question {
  readonly act: 'state'
  readonly id: number
}

interface Answer extends Question {
  readonly state: PrimaryState
}

/** How long to wait for the end of an exited worker's channel, in milliseconds. */
const longestRead = 1000

/**
 * The part of `node:cluster` that zerodrop uses, in a primary and in a worker. It adds listeners only on
 * demand.
 */
export function realCluster(): ClusterSystem {
  /** The live workers, connected or not, each with the signal that it was sent. */
  const workers = new Map<Worker, NodeJS.Signals | undefined>()
  const stopping = new WeakSet<Worker>()
  let asked = 0
  let primaryAnswers = false
  return {
    onWorkers(observer) {
      const answering = new Set<Release>()
      const fork = (worker: Worker): void => {
        workers.set(worker, undefined)
        answering.add(
          onInternalMessage(worker.process, (message) => {
            const told = message as Message
            if (told.act === 'stopping') stopping.add(worker)
            else sendInternalMessage(worker.process, { ...told, state: observer.onAsked() } satisfies Answer)
          }),
        )
        observer.onFork()
      }
      const listening = (worker: Worker): void => observer.onListening(worker.id)
      const exit = (worker: Worker, code: number | null, signal: NodeJS.Signals | null): void => {
        const asked = workers.get(worker)
        workers.delete(worker)
        const well = code === 0 || (code === null && signal === asked)
        whenRead(worker, () => observer.onExit(worker.id, well))
      }
      for (const worker of Object.values(cluster.workers ?? {})) if (worker !== undefined) fork(worker)
      const watching = on([
        ['fork', fork],
        ['listening', listening],
        ['exit', exit],
      ])
      return () => {
        watching()
        for (const release of answering) release()
      }
    },
    onSharedHandle: (listener) => onSharedHandle(listener) ?? (() => {}),
    get workers() {
      return [...workers.keys()].map(({ id }) => id)
    },
    stopWorker(id, signal, isForced = false) {
      const worker = [...workers.keys()].find((each) => each.id === id)
      if (worker === undefined) return
      workers.set(worker, signal)
      // So that an application does not replace a worker that was asked to end.
      worker.exitedAfterDisconnect = true
      if (stopping.has(worker) && !isForced) return
      // Windows has no signals: the worker would end at once.
      if (process.platform === 'win32' && signal !== 'SIGKILL') worker.disconnect()
      else worker.process.kill(signal)
    },
    tellStopping() {
      if (cluster.isWorker) sendInternalMessage(process, { act: 'stopping' } satisfies Message)
    },
    get workerId() {
      return cluster.worker?.id ?? 0
    },
    get primaryAnswers() {
      return primaryAnswers
    },
    askPrimary(listener) {
      if (!cluster.isWorker) return () => {}
      const question: Question = { act: 'state', id: ++asked }
      const release = onInternalMessage(process, (answer) => {
        const { id, state } = answer as Answer
        if (id !== question.id) return
        primaryAnswers = true
        release()
        listener(state)
      })
      sendInternalMessage(process, question)
      return release
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

/**
 * Calls back when the channel of a worker that has exited is read to its end. Node may learn of the exit
 * first: when one child ends, it checks all children.
 */
function whenRead(worker: Worker, callback: () => void): void {
  if (!worker.isConnected()) {
    callback()
    return
  }
  const end = (): void => {
    clearTimeout(timer)
    worker.off('disconnect', end)
    callback()
  }
  // A process that the worker has started may keep the worker's end of the channel open.
  const timer = setTimeout(end, longestRead)
  worker.on('disconnect', end)
}

function on(listeners: [event: string, listener: (...args: never[]) => void][]): Release {
  for (const [event, listener] of listeners) cluster.on(event, listener as (...args: unknown[]) => void)
  return () => {
    for (const [event, listener] of listeners) cluster.off(event, listener as (...args: unknown[]) => void)
  }
}
