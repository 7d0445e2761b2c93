import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Incapacity } from '../system/system.ts'
import type { State } from './state.ts'

/**
 * Checks that this process can be replaced now.
 * @param inheritable how many of its listening sockets a successor can inherit
 * @param workers how many workers of node:cluster it has
 * @throws `ERR_ZERODROP_PLATFORM_UNSUPPORTED`, `ERR_ZERODROP_CLUSTER_WORKER`, `ERR_ZERODROP_CLUSTER_PRIMARY`, `ERR_ZERODROP_WORKER_THREAD`,
 *   `ERR_ZERODROP_SUPERVISED`, `ERR_ZERODROP_NOT_SERVING`, `ERR_ZERODROP_NOTHING_TO_HAND_OVER`
 */
export function checkRestart(
  incapacity: Incapacity | undefined,
  state: State,
  inheritable: number,
  workers: number,
): void {
  switch (incapacity) {
    case 'platform':
      throw new ZerodropError(
        'ERR_ZERODROP_PLATFORM_UNSUPPORTED',
        'This platform cannot hand a listening socket to another process. Stop and start the process instead; SIGINT and SIGTERM drain it.',
      )
    case 'cluster-worker':
      throw new ZerodropError(
        'ERR_ZERODROP_CLUSTER_WORKER',
        'A cluster worker has no listening socket to hand on: the primary holds it. Restart the primary, or fork a new worker and disconnect this one.',
      )
    case 'worker-thread':
      throw new ZerodropError(
        'ERR_ZERODROP_WORKER_THREAD',
        'A worker thread cannot restart the process. Call restart() in the main thread.',
      )
    case 'pm2':
      throw new ZerodropError(
        'ERR_ZERODROP_SUPERVISED',
        'pm2 watches this process, and would start another beside its successor. Use "pm2 restart"; it drains this process.',
      )
    case 'watcher':
      throw new ZerodropError(
        'ERR_ZERODROP_SUPERVISED',
        '"node --watch" runs this process, and would lose sight of its successor. Change a file; it drains this process.',
      )
    case 'nodemon':
      throw new ZerodropError(
        'ERR_ZERODROP_SUPERVISED',
        'nodemon runs this process, and would lose sight of its successor. Change a file, or type "rs"; it drains this process.',
      )
    default:
  }
  if (workers > 0) {
    throw new ZerodropError(
      'ERR_ZERODROP_CLUSTER_PRIMARY',
      'This process has cluster workers, whose servers cannot be handed to a successor. Replace the workers one by one: fork a new worker, and send an old one SIGTERM when the new one listens.',
    )
  }
  if (state !== 'serving') {
    throw new ZerodropError(
      'ERR_ZERODROP_NOT_SERVING',
      `This process cannot restart: it is "${state}". Call restart() once a server listens, and not after shutdown().`,
    )
  }
  if (inheritable === 0) {
    throw new ZerodropError(
      'ERR_ZERODROP_NOTHING_TO_HAND_OVER',
      'No server of this process listens on a fixed address, so nobody would find a successor. Listen on a port other than 0.',
    )
  }
}
