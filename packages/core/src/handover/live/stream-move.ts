import type { ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { isChunked, isEncoded } from '../../connections/event-stream.ts'
import { hasUnflushed, isLast } from '../../connections/exchange.ts'
import { hasBegunNext } from '../../connections/list.ts'
import { closeMoved } from '../../connections/moved.ts'
import { requestHead, withHeader } from '../../connections/request-head.ts'
import type { StayReason } from '../../events/drain-report.ts'
import { sentHead, stopReading } from '../../system/node-internals.ts'
import { shadow } from '../../system/shadow.ts'
import type { Handover } from './handover.ts'
import type { Departure, Move } from './move.ts'
import { encodeState } from './saved-state.ts'

export interface StreamMoveContext {
  readonly handover: Handover
  readonly takesStreams: () => boolean
  readonly onWarning: (code: 'ERR_ZERODROP_SAVE_FAILED', cause?: unknown) => void
}

/** One event stream that may move, between two events. */
export class StreamMove implements Move {
  readonly kind = 'stream'
  readonly socket: Socket
  readonly target: { readonly method: string; readonly url: string }
  readonly #response: ServerResponse
  readonly #server: Server
  readonly #context: StreamMoveContext
  #matches: boolean | undefined

  constructor(server: Server, response: ServerResponse, context: StreamMoveContext) {
    const { method = '', url = '', socket } = response.req
    this.socket = socket
    this.target = { method, url: context.handover.watched.of(response)?.url ?? url }
    this.#server = server
    this.#response = response
    this.#context = context
  }

  look(): 'ready' | 'busy' | 'over' | StayReason {
    const { handover, takesStreams } = this.#context
    const response = this.#response
    if (response.writableEnded || this.socket.destroyed) return 'over'
    const { req: request } = response
    const head = sentHead(response) ?? ''
    if (handover.streamsOf(this.#server) === undefined) return 'not-registered'
    if (!takesStreams()) return 'not-taken'
    if (request.method !== 'GET') return 'method'
    if (isEncoded(head)) return 'encoded'
    const position = handover.watched.of(response)?.position
    if (position === undefined) return 'not-seen'
    if (!this.#isMatch()) return 'match'
    if (/[^\t\x20-\x7e\x80-\xff]/.test(position.id)) return 'event-id'
    const atRest =
      response.writableLength === 0 &&
      response.writableCorked === 0 &&
      !hasUnflushed(this.socket) &&
      position.isBetweenEvents &&
      request.complete &&
      // This process has to answer a request that followed this one, even an incomplete one: Node's parser
      // does not return its bytes.
      isLast(response) &&
      hasBegunNext(this.#server, this.socket) === false
    return atRest ? 'ready' : 'busy'
  }

  depart(): Departure | StayReason {
    const { socket } = this
    const response = this.#response
    const { handover } = this.#context
    const position = handover.watched.of(response)?.position
    if (position === undefined) return 'not-seen'
    const stopped = stopReading(socket)
    if (stopped === undefined) return 'no-descriptor'
    // Before `save`: a successor that continues after the last id also writes everything that is written
    // from here on.
    const calls = holdWrites(response)
    const state = this.#save()
    if (state === undefined) {
      calls.repeat()
      stopped.resume()
      return 'save-failed'
    }
    const { timeout = 0 } = socket
    socket.setTimeout(0)
    return {
      offer: {
        kind: 'stream',
        name: '',
        head: withHeader(
          requestHead(response.req, this.target.url),
          'Last-Event-ID',
          position.id === '' ? undefined : position.id,
        ),
        half: '',
        state,
        protocol: '',
        extensions: '',
        window: '',
        chunked: isChunked(sentHead(response) ?? ''),
      },
      handle: stopped.handle,
      // To the handler, this looks as if its client has left.
      taken: () => closeMoved(socket),
      stays: () => {
        socket.setTimeout(timeout)
        stopped.resume()
        calls.repeat()
      },
    }
  }

  dispose(): void {}

  #isMatch(): boolean {
    const { match } = this.#context.handover.streamsOf(this.#server) ?? {}
    if (match === undefined) return true
    if (this.#matches !== undefined) return this.#matches
    try {
      this.#matches = match(this.#response) === true
    } catch (error) {
      this.#matches = false
      this.#context.onWarning('ERR_ZERODROP_SAVE_FAILED', error)
    }
    return this.#matches
  }

  #save(): string | undefined {
    const { save = () => true } = this.#context.handover.streamsOf(this.#server) ?? {}
    try {
      return encodeState(() => save(this.#response))
    } catch (error) {
      this.#context.onWarning('ERR_ZERODROP_SAVE_FAILED', error)
      return undefined
    }
  }
}

/** Keeps data that the application writes to a response that is on its way. */
function holdWrites(response: ServerResponse): { repeat(): void } {
  const calls: { method: 'write' | 'end'; args: unknown[] }[] = []
  const releases = [
    shadow(
      response,
      'write',
      () =>
        ((...args: unknown[]) => {
          calls.push({ method: 'write', args })
          return true
        }) as ServerResponse['write'],
    ),
    shadow(
      response,
      'end',
      () =>
        ((...args: unknown[]) => {
          calls.push({ method: 'end', args })
          return response
        }) as ServerResponse['end'],
    ),
  ]
  return {
    repeat() {
      for (const release of releases.reverse()) release()
      if (response.destroyed) return
      for (const { method, args } of calls) Reflect.apply(response[method], response, args)
    },
  }
}
