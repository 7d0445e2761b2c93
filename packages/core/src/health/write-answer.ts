import type { ServerResponse } from 'node:http'
import type { HealthAnswer } from './probes.ts'

/** Sends a response. Node omits the body for a HEAD request. */
export async function writeAnswer(response: ServerResponse, answering: Promise<HealthAnswer>): Promise<void> {
  const { status, headers, body } = await answering
  // The client is gone.
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}
