import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { isEventStream } from '../../connections/event-stream.ts'
import { headOf } from '../../system/node-internals.ts'
import { shadow } from '../../system/shadow.ts'
import type { Release } from '../../system/system.ts'
import { EventPosition } from './event-position.ts'

/** A response that is, or may become, an event stream. */
export interface WatchedStream {
  /** The URL as the client sent it: routers change `request.url`. */
  readonly url: string
  readonly position: EventPosition
}

interface Exchange {
  readonly server: Server
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/**
 * Follows the event streams of some servers from their first byte: later, the last event's id could not be
 * found.
 */
export class WatchedStreams {
  readonly #watched = new WeakMap<ServerResponse, WatchedStream>()

  of(response: ServerResponse): WatchedStream | undefined {
    return this.#watched.get(response)
  }

  /** @param concerns whether to follow the event streams of a server */
  start(concerns: (server: Server) => boolean): Release {
    const onRequest = (exchange: unknown): void => {
      const { server, request, response } = exchange as Exchange
      if (mayBeStream(request) && concerns(server)) this.#watch(request, response)
    }
    subscribe('http.server.request.start', onRequest)
    return () => unsubscribe('http.server.request.start', onRequest)
  }

  #watch(request: IncomingMessage, response: ServerResponse): void {
    const lastId = request.headers['last-event-id']
    const position = new EventPosition(typeof lastId === 'string' ? lastId : '')
    this.#watched.set(response, { url: request.url ?? '/', position })
    let isStream = false
    const forget = (): void => {
      release()
      this.#watched.delete(response)
    }
    const release = shadow(
      response,
      'write',
      (write) =>
        function (this: ServerResponse, ...args: [unknown, unknown?]): boolean {
          const goesOn = Reflect.apply(write, this, args) as boolean
          isStream ||= isEventStream(headOf(response) ?? '')
          if (isStream) position.add(...args)
          else forget()
          return goesOn
        } as ServerResponse['write'],
    )
  }
}

/** EventSource sends this type in `Accept`; other clients often do not. */
function mayBeStream({ method, httpVersionMajor, headers: { accept } }: IncomingMessage): boolean {
  const accepts = accept === undefined || /text\/event-stream|\*\/\*|text\/\*/i.test(accept)
  return method === 'GET' && httpVersionMajor === 1 && accepts
}
