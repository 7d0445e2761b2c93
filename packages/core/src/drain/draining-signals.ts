import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { whenOver } from '../connections/exchange.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'

/**
 * An AbortSignal for each request that asks for one, aborted when its server begins to drain: by it a long stream
 * learns that it should end itself. One for each request, not one for all: listeners on a signal that lives as long as
 * the process would pile up. Nothing is kept for a request that does not ask, nor after one has ended.
 */
export class DrainingSignals {
  readonly #signals = new WeakMap<IncomingMessage, AbortSignal>()
  /** The streams of those requests that came over HTTP/2. */
  readonly #streams = new WeakSet<ServerHttp2Stream>()
  readonly #open = new Map<IncomingMessage, { controller: AbortController; server: Server | undefined }>()

  /** @param draining whether the server drains already */
  of(request: IncomingMessage, server: Server | undefined, draining: boolean): AbortSignal {
    const known = this.#signals.get(request)
    if (known !== undefined) return known
    const controller = new AbortController()
    this.#signals.set(request, controller.signal)
    const { stream } = request as IncomingMessage & { stream?: ServerHttp2Stream }
    if (stream !== undefined) this.#streams.add(stream)
    if (draining) {
      controller.abort(reason())
    } else {
      this.#open.set(request, { controller, server })
      whenOver(request, () => this.#open.delete(request))
    }
    return controller.signal
  }

  /** Whether the application watches the signal of this request, and so takes care of its end itself. */
  isWatched(exchange: IncomingMessage | ServerHttp2Stream): boolean {
    return this.#signals.has(exchange as IncomingMessage) || this.#streams.has(exchange as ServerHttp2Stream)
  }

  /**
   * A server begins to drain. A request whose server is not known is told by the first that does.
   * @param spares whether a request is not told for now
   */
  abort(draining: Server, spares: (request: IncomingMessage) => boolean = () => false): void {
    for (const [request, { server }] of this.#open)
      if ((server === undefined || server === draining) && !spares(request)) this.abortOne(request)
  }

  /** Tells one request that its server drains. */
  abortOne(request: IncomingMessage): void {
    const open = this.#open.get(request)
    if (open === undefined) return
    this.#open.delete(request)
    open.controller.abort(reason())
  }

  /** Tells the requests of one connection. */
  abortOn(socket: Socket): void {
    for (const request of this.#open.keys()) if (request.socket === socket) this.abortOne(request)
  }
}

function reason(): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_DRAINING',
    'The server is draining: end this stream so that its client can go on elsewhere.',
  )
}
