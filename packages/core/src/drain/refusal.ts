import type { IncomingMessage, ServerResponse } from 'node:http'
import { ZerodropError } from '../errors/zerodrop-error.ts'

/** What happens to a request that arrives while its server drains. */
export type DrainingVerdict = 'serve' | 'refuse'

/**
 * `'serve'` answers with `Connection: close`. `'refuse'` answers 503 with `Retry-After` and `Connection:
 * close`. A function of the request returns one of the two synchronously. If it throws or returns anything
 * else, the request is served and one warning says so.
 */
export type DrainingPolicy<Request> = DrainingVerdict | ((request: Request) => DrainingVerdict)

/** Seconds after which a client may try again: by then another process has the address, or a balancer knows. */
const retryAfter = '1'

/**
 * The 503 in the form that the error handling of Express (http-errors), Koa and Fastify understands: they take the
 * status and, Express and Koa, the headers from it.
 */
export class Refusal extends ZerodropError {
  readonly status = 503
  readonly statusCode = 503
  readonly expose = true
  /** The header fields of the answer: `Retry-After` and `Connection`. */
  readonly headers: Readonly<Record<string, string>> = { 'Retry-After': retryAfter, Connection: 'close' }

  constructor() {
    super('ERR_ZERODROP_DRAINING', 'Service Unavailable')
  }
}

/** Refuses a request for which no framework does it. */
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
 * Answers a request as the policy decides, unless the application is to answer it.
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
    // A method that a library has put on the response threw, and nothing is sent: the application answers.
    refused.delete(request)
    return response.headersSent
  }
}
