import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { originOf } from '../server/running.ts'
import type { Address } from '../server/running.ts'

export interface StreamAnswer {
  readonly status: number
}

export interface StreamExchange {
  readonly stream: ClientHttp2Stream
  readonly answer: Promise<StreamAnswer>
}

/** Thrown when a stream ends without a complete response. */
export class StreamFailure extends Error {
  /** Whether the server declares the request unprocessed, so that any client may retry it. */
  readonly refused: boolean
  readonly begun: boolean

  constructor(code: number, begun: boolean, message: string) {
    super(message)
    this.refused = code === constants.NGHTTP2_REFUSED_STREAM
    this.begun = begun
  }
}

/** Connects with ALPN over TLS, and with prior knowledge without TLS. */
export function openSession(address: Address): Promise<ClientHttp2Session> {
  const session = connect(originOf(address), { rejectUnauthorized: false })
  return new Promise((resolve, reject) => {
    session.once('connect', () => {
      session.off('error', reject)
      // Each stream reports its own outcome.
      session.on('error', () => {})
      resolve(session)
    })
    session.once('error', reject)
  })
}

export function requestOn(session: ClientHttp2Session, path: string, method: string = 'GET'): StreamExchange {
  const stream = session.request({ ':path': path, ':method': method }, { endStream: method === 'GET' })
  let status = 0
  let ended = false
  stream.on('response', (headers) => (status = Number(headers[':status'] ?? 0)))
  stream.on('end', () => (ended = true))
  stream.resume()
  const answer = new Promise<StreamAnswer>((resolve, reject) => {
    let cause = ''
    stream.on('error', (error: Error) => (cause = error.message))
    stream.once('close', () => {
      const code = stream.rstCode ?? 0
      if (ended && status > 0 && code === constants.NGHTTP2_NO_ERROR) resolve({ status })
      else reject(new StreamFailure(code, status > 0, cause || whyEnded(session, code)))
    })
  })
  return { stream, answer }
}

/** Node gives the streams of an ended session the code CANCEL, as a server does that cancels one. */
function whyEnded(session: ClientHttp2Session, code: number): string {
  return session.destroyed
    ? 'the session ended before the response'
    : `the server reset the stream with code ${code}`
}
