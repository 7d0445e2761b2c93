import cluster from 'node:cluster'
import { isMainThread } from 'node:worker_threads'
import { pm2, underNodemon, watched } from './supervisors.ts'
import type { Incapacity } from './system.ts'

/** Why this process cannot restart itself; undefined if it can. */
export function incapacity(): Incapacity | undefined {
  if (!isMainThread) return 'worker-thread'
  if (cluster.isWorker) return 'cluster-worker'
  if (process.platform === 'win32') return 'platform'
  if (pm2() !== undefined) return 'pm2'
  if (watched()) return 'watcher'
  if (underNodemon()) return 'nodemon'
  return undefined
}

/** Whether this process is the service's main process, and not a worker of node:cluster or a thread. */
export function isServiceProcess(): boolean {
  return isMainThread && !cluster.isWorker
}
