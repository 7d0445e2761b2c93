import type { IncomingMessage, ServerResponse } from 'node:http'
import { ZerodropError } from '../errors/zerodrop-error.ts'

/** What to do with a request that arrives while its server drains. */
export type DrainingVerdict = 'serve' | 'refuse'

/**
 * `'serve'` answers with `Connection: close`. `'refuse'` answers 503 with `Retry-After` and `Connection:
 * close`. A function of the request returns one of the two synchronously. If it throws or returns anything
 * else, the request is served and one warning says so.
 */
export type DrainingPolicy<Request> = DrainingVerdict | ((request: Request) => DrainingVerdict)

/**
 * Seconds after which a client may try again: by then another process has the address, or a balancer has
 * noticed.
 */
const retryAfter = '1'

/**
 * The 503 in the form that the error handling of Express (http-errors), Koa and Fastify understands: all
 * three take the status from it, and Express and Koa also the headers.
 */
export class Refusal extends ZerodropError {
  readonly status = 503
  readonly statusCode = 503
  readonly expose = true
  /** The header fields of the response: `Retry-After` and `Connection`. */
  readonly headers: Readonly<Record<string, string>> = { 'Retry-After': retryAfter, Connection: 'close' }

  constructor() {
    super('ERR_ZERODROP_DRAINING', 'Service Unavailable')
  }
}

/** Refuses a request that no framework refuses. */
export function refuse(response: ServerResponse, { statusCode, headers, message }: Refusal): void {
  response.writeHead(statusCode, {
    ...(response.req.httpVersionMajor === 1 ? headers : { 'Retry-After': retryAfter }),
    'Content-Type': 'text/plain',
  })
  response.end(`${message}\n`)
}

/** Which requests were refused, for the count of what was served. */
export const refused: WeakSet<IncomingMessage> = new WeakSet()

/**
 * Refuses a request if the policy says so; otherwise the application answers it.
 * @returns whether it has been answered
 */
export function refusedByPolicy(
  policy: DrainingPolicy<IncomingMessage>,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const verdict = typeof policy === 'function' ? policy(request) : policy
  if (verdict === 'serve') return false
  refused.add(request)
  try {
    refuse(response, new Refusal())
    return true
  } catch {
    // A method that a library has replaced threw before anything was sent: the application answers.
    refused.delete(request)
    return response.headersSent
  }
}
