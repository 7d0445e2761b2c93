import type { ServerResponse } from 'node:http'
import { sentHead } from '../system/node-internals.ts'

/** Whether the head of a response announces an event stream. */
export function isEventStream(head: string): boolean {
  return /^HTTP\/1\.\d 200 [^]*\r\ncontent-type: *text\/event-stream/i.test(head)
}

/** Whether the body that a head announces is sent in chunks. */
export function isChunked(head: string): boolean {
  return /\r\ntransfer-encoding: *chunked\r\n/i.test(head)
}

/**
 * Whether the body that a head announces is encoded or has a length, instead of the plain text of its events.
 */
export function isEncoded(head: string): boolean {
  return /\r\ncontent-(encoding|length):/i.test(head)
}

/** Whether a response is an event stream that has not ended. */
export function isOpenStream(response: ServerResponse | undefined): response is ServerResponse {
  return response !== undefined && !response.writableEnded && isEventStream(sentHead(response) ?? '')
}
