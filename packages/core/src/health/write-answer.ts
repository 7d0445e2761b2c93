import type { ServerResponse } from 'node:http'
import type { HealthAnswer } from './probes.ts'

/** Sends an answer. Node leaves the body out where the request was HEAD. */
export async function writeAnswer(response: ServerResponse, answering: Promise<HealthAnswer>): Promise<void> {
  const { status, headers, body } = await answering
  // Nobody can be told any more.
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}
