import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Release } from '../system/system.ts'

/** The message that Node publishes on `http.server.request.start` and `http.server.response.finish`. */
export interface Exchange {
  readonly server: Server
  readonly socket: Socket
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Listeners for each exchange of a server. */
export interface ExchangeListeners {
  /** A request has arrived; the application has not seen it yet. */
  readonly onStart: (exchange: Exchange) => void
  /** A response has ended. */
  readonly onFinish: (exchange: Exchange) => void
}

/** Follows the requests of one HTTP/1 server. The listeners must not throw. */
export function followExchanges(server: Server, { onStart, onFinish }: ExchangeListeners): Release {
  const listen = (channel: string, listener: (exchange: Exchange) => void): Release => {
    const handler = (message: unknown): void => {
      if ((message as Exchange).server === server) listener(message as Exchange)
    }
    subscribe(channel, handler)
    return () => unsubscribe(channel, handler)
  }
  const releases = [
    listen('http.server.request.start', onStart),
    listen('http.server.response.finish', onFinish),
  ]
  return () => {
    for (const release of releases) release()
  }
}
