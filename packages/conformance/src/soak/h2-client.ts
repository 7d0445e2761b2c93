import http2 from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { type Answer, connect, type ConnectOptions, type Job, type Run } from '@zerodrop/traffic'
import { H2Session } from './h2-session.ts'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants

/** What became of one stream. It may be sent again if the server has not looked at it, or has never got it. */
type Outcome = Answer | 'unprocessed' | 'unsent' | Error

/** The type of the frame that opens a stream. */
const HEADERS = 1

/**
 * Keeps one HTTP/2 connection, on which every job has one stream at a time. A stream that the server says it has not
 * looked at is sent again; anything else without a whole, right answer is lost.
 */
export async function h2Client(jobs: readonly Job[], to: ConnectOptions, run: Run): Promise<void> {
  const session = new H2Session(to, run.tally)
  await Promise.all(jobs.map((job) => lane(job, session, run)))
  await session.close()
}

async function lane(job: Job, shared: H2Session, run: Run): Promise<void> {
  const { tally, timeout } = run
  while (!run.stop.aborted) {
    const { request, problem } = job.next()
    const startedAt = performance.now()
    for (let ended = false; !ended && !run.stop.aborted; ) {
      const session = await connect(() => shared.get(), run)
      if (session === undefined) continue
      const outcome = await ask(session, request.path ?? '/', timeout)
      if (outcome === 'unprocessed') tally.counts.retried += 1
      if (typeof outcome === 'string') continue
      ended = true
      const wrong = outcome instanceof Error ? outcome.message : problem(outcome)
      if (wrong === undefined) tally.answered(startedAt)
      else tally.lost(wrong)
    }
    await run.think()
  }
}

function ask(session: ClientHttp2Session, path: string, timeout: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const stream = session.request({ ':path': path })
    const timer = setTimeout(() => stream.close(NGHTTP2_CANCEL), timeout)
    const body: Buffer[] = []
    let status = 0
    let ended = false
    let unsent = false
    let cause = ''
    stream.on('response', (headers) => (status = headers[':status'] ?? 0))
    stream.on('data', (chunk: Buffer) => body.push(chunk))
    stream.on('end', () => (ended = true))
    // A GOAWAY was read in the same turn, before the request was written.
    stream.on('frameError', (type) => (unsent ||= type === HEADERS))
    stream.on('error', (error) => (cause = `: ${error.message}`))
    stream.on('close', () => {
      clearTimeout(timer)
      const { rstCode } = stream
      // A GOAWAY that leaves a stream out has the same effect on it as a refusal (RFC 9113, 6.8 and 8.7).
      if (unsent) resolve('unsent')
      else if (rstCode === NGHTTP2_REFUSED_STREAM) resolve('unprocessed')
      else if (ended && status > 0 && rstCode === NGHTTP2_NO_ERROR)
        resolve({ status, body: Buffer.concat(body) })
      else
        resolve(
          new Error(`stream ${stream.id} of ${path} lost with code ${rstCode}, status ${status}${cause}`),
        )
    })
  })
}
