import type { Server } from 'node:net'
import type { ListenMessage } from '../listeners/listener.ts'
import { lifecycle } from './process-lifecycle.ts'

export type { ListenMessage }

/** A framework's instance, which has more to close than its server. */
export interface FoundApp {
  close(): unknown
}

/** Begins to take care of the servers of this process, inside the first `listen()` of one that serves. */
export function register(listen: ListenMessage, app: FoundApp | undefined): void {
  if (!isService(listen)) return
  lifecycle.register(listen, app && (() => app.close()))
}

/**
 * Not a socket by which processes of one tool talk to each other, such as tsx's or pm2's: a pipe, or a Unix socket that is not
 * served with HTTP. One with HTTP has a handler by the time it listens.
 */
function isService({ server, options }: ListenMessage): boolean {
  return options.path === undefined || speaksHttp(server)
}

function speaksHttp(server: Server): boolean {
  return ['request', 'stream', 'session'].some((event) => server.listenerCount(event) > 0)
}
