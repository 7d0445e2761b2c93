import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { isEncoded, isOpenStream } from '../connections/event-stream.ts'
import type { Attempts } from '../errors/attempts.ts'
import { sentHead } from '../system/node-internals.ts'

/**
 * The line of an event stream that tells its client how long to wait before it reconnects. No blank line
 * follows: in the middle of an event this does not change the event, and the client discards an event
 * without an end.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
function retry(milliseconds: number): string {
  return `retry: ${Math.round(milliseconds)}\n`
}

/**
 * For each event stream, when its client should reconnect. A single client is not told: it meets no other.
 */
function comeBack(count: number, index: number, spread: number): string {
  return count < 2 || spread === 0 ? '' : retry((spread * (index + 1)) / count)
}

interface EndOptions {
  /** Milliseconds over which the clients of event streams reconnect; 0 leaves that to them. */
  readonly spread: number
  readonly attempts: Attempts
}

/**
 * Ends responses whose bodies have no length: event streams, and responses whose `draining` signal the
 * application has used. Clients of event streams are told to reconnect at different times.
 * @returns the responses that cannot be ended so that their clients take them for complete
 */
export function endResponses(
  responses: readonly ServerResponse[],
  isWatched: (request: IncomingMessage) => boolean,
  { spread, attempts }: EndOptions,
): Set<ServerResponse> {
  const streams = responses.filter(isOpenStream)
  for (const [index, stream] of streams.entries()) {
    const line = comeBack(streams.length, index, spread)
    if (line !== '' && !isEncoded(sentHead(stream) ?? ''))
      attempts.run('ending a response', () => stream.write(line))
  }
  const others = new Set<ServerResponse>()
  for (const response of responses) {
    // The application or a library may have replaced methods of the response.
    const ended = attempts.run('ending a response', () => {
      if (!endsCorrectly(response, isWatched)) return false
      response.end()
      return true
    })
    if (!ended) others.add(response)
  }
  return others
}

function endsCorrectly(response: ServerResponse, isWatched: (request: IncomingMessage) => boolean): boolean {
  if (!response.headersSent || response.writableEnded) return false
  // Without a length, a separate frame or the end of the connection marks the end of the body.
  if (response.hasHeader('content-length') || /\r\ncontent-length:/i.test(sentHead(response) ?? ''))
    return false
  return isWatched(response.req) || isOpenStream(response)
}

/** The same for streams of HTTP/2. */
export function endStreams(
  streams: readonly ServerHttp2Stream[],
  isWatched: (stream: ServerHttp2Stream) => boolean,
  { spread, attempts }: EndOptions,
): Set<ServerHttp2Stream> {
  const events = streams.filter(isEvents)
  for (const [index, stream] of events.entries()) {
    const line = comeBack(events.length, index, spread)
    if (line !== '' && stream.writable && !('content-encoding' in (stream.sentHeaders ?? {})))
      attempts.run('ending a stream', () => stream.write(line))
  }
  const others = new Set<ServerHttp2Stream>()
  for (const stream of streams) {
    const hasLength = 'content-length' in (stream.sentHeaders ?? {})
    const ends = stream.headersSent && !hasLength && (isEvents(stream) || isWatched(stream))
    const ended = attempts.run('ending a stream', () => {
      if (ends) stream.end()
      return ends
    })
    if (!ended) others.add(stream)
  }
  return others
}

function isEvents({ sentHeaders }: ServerHttp2Stream): boolean {
  const type = sentHeaders?.['content-type']
  return (
    typeof type === 'string' && type.startsWith('text/event-stream') && !('content-length' in sentHeaders)
  )
}
