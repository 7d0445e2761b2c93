import type { ServerHttp2Session } from 'node:http2'
import type { Server, Socket } from 'node:net'
import type { Release } from '../system/system.ts'
import { onEvent } from './on-event.ts'

/**
 * The HTTP/2 sessions of one server, each with the socket that carries it.
 *
 * `session.socket` is a proxy that cannot be compared with the socket, and is gone once the session is destroyed, while
 * the socket may stay open until the client closes its side. But Node emits 'session' inside the listener
 * with which it takes the socket, so the socket of the current emission is the session's.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/http2/core.js (connectionListener)
 */
export class Sessions implements Iterable<ServerHttp2Session> {
  readonly #sockets = new Map<ServerHttp2Session, Socket | undefined>()
  /** The sessions whose socket is open. */
  readonly #sessions = new WeakMap<Socket, ServerHttp2Session>()
  #arriving: Socket | undefined

  /** @param event the event with which the server takes HTTP/2 sockets */
  watch(server: Server, event: 'connection' | 'secureConnection'): Release {
    const onArriving = (socket: Socket): void => {
      this.#arriving = socket
    }
    server.prependListener(event, onArriving)
    const releases = [
      () => server.off(event, onArriving),
      onEvent(server, 'session', (session: ServerHttp2Session) => this.#add(session)),
      onEvent(server, event, () => {
        this.#arriving = undefined
      }),
    ]
    return () => {
      for (const release of releases) release()
    }
  }

  /** A socket that the server is about to take, in an emission of the event that began before `watch()`. */
  adopt(socket: Socket): void {
    this.#arriving = socket
  }

  get size(): number {
    return this.#sockets.size
  }

  /** The open sessions, and the closed ones whose socket is still open. */
  [Symbol.iterator](): Iterator<ServerHttp2Session> {
    return this.#sockets.keys()
  }

  has(session: ServerHttp2Session): boolean {
    return this.#sockets.has(session)
  }

  /** The session of a socket, also after the session has ended. */
  on(socket: Socket): ServerHttp2Session | undefined {
    return this.#sessions.get(socket)
  }

  socketOf(session: ServerHttp2Session): Socket | undefined {
    return this.#sockets.get(session)
  }

  #add(session: ServerHttp2Session): void {
    const socket = this.#arriving
    this.#sockets.set(session, socket)
    if (socket !== undefined) this.#sessions.set(socket, session)
    // Emitted when the socket has closed.
    session.once('close', () => this.#sockets.delete(session))
  }
}
