import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { whenOver } from '../connections/exchange.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'

/**
 * An AbortSignal for each request whose handler asks for one. It aborts when the server begins to drain,
 * which tells a long stream to end itself. Each request has its own signal, because listeners on a signal
 * that lives as long as the process would pile up. Requests that do not ask for a signal, or have ended,
 * take no memory.
 */
export class DrainingSignals {
  readonly #signals = new WeakMap<IncomingMessage, AbortSignal>()
  /** The HTTP/2 streams of these requests. */
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

  /** Whether the application uses the signal of this request, and so ends the response itself. */
  isWatched(exchange: IncomingMessage | ServerHttp2Stream): boolean {
    return this.#signals.has(exchange as IncomingMessage) || this.#streams.has(exchange as ServerHttp2Stream)
  }

  /**
   * Aborts the signals of a server that begins to drain. A request whose server is unknown belongs to the
   * first one.
   * @param spares whether to leave a request's signal alone for now
   */
  abort(draining: Server, spares: (request: IncomingMessage) => boolean = () => false): void {
    for (const [request, { server }] of this.#open)
      if ((server === undefined || server === draining) && !spares(request)) this.abortOne(request)
  }

  /** Aborts the signal of one request. */
  abortOne(request: IncomingMessage): void {
    const open = this.#open.get(request)
    if (open === undefined) return
    this.#open.delete(request)
    open.controller.abort(reason())
  }

  /** Aborts the signals of the requests of one connection. */
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
