import type { Server } from 'node:net'
import type { ListenMessage } from '../listeners/listener.ts'
import { lifecycle } from './process-lifecycle.ts'

export type { ListenMessage }

/** A framework's instance, which has to close more than its server. */
export interface FoundApp {
  close(): unknown
}

/** Begins to manage the servers of this process, inside the first `listen()` of a server with clients. */
export function register(listen: ListenMessage, app: FoundApp | undefined): void {
  if (!isService(listen)) return
  lifecycle.register(listen, app && (() => app.close()))
}

/**
 * Excludes sockets for messages between the processes of one tool, such as tsx or pm2: a pipe, or a Unix
 * socket without HTTP. An HTTP server has a request handler by the time it listens.
 */
function isService({ server, options }: ListenMessage): boolean {
  return options.path === undefined || speaksHttp(server)
}

function speaksHttp(server: Server): boolean {
  return ['request', 'stream', 'session'].some((event) => server.listenerCount(event) > 0)
}
