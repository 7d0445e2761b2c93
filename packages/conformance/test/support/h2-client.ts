import { once } from 'node:events'
import http2 from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import type { Leftovers } from '@zerodrop/traffic'

export interface H2Answer {
  status: number
  body: string
}

/** The type of the frame that opens a stream. */
const HEADERS = 1

/**
 * A GOAWAY was read before the request had been written, so the server has got nothing of it. Node's client says
 * "refused" to that as well.
 */
export class Unsent extends Error {
  constructor(cause: unknown) {
    super('the session was over before the request was written', { cause })
  }
}

/** Node's HTTP/2 client over one session; nothing is retried. */
export class H2Client {
  readonly session: ClientHttp2Session
  /** Settles when the session is over; never rejects. */
  readonly ended: Promise<void>

  static async connect(undo: Leftovers, port: number, secure: boolean): Promise<H2Client> {
    const scheme = secure ? 'https' : 'http'
    const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false })
    undo.add(() => session.destroy())
    session.on('error', () => {})
    await once(session, 'remoteSettings')
    return new H2Client(session)
  }

  private constructor(session: ClientHttp2Session) {
    this.session = session
    this.ended = new Promise((resolve) => session.once('close', () => resolve()))
  }

  open(path: string): ClientHttp2Stream {
    return this.session.request({ ':path': path })
  }

  /** @throws Unsent, the stream's error, or one with the code of its reset, unless the answer comes whole */
  async get(path: string): Promise<H2Answer> {
    return answerOf(this.open(path))
  }
}

export function answerOf(stream: ClientHttp2Stream): Promise<H2Answer> {
  return new Promise((resolve, reject) => {
    let status = 0
    let body = ''
    let ended = false
    let unsent = false
    let failure: unknown
    stream.setEncoding('utf8')
    stream.on('response', (headers) => (status = headers[':status'] ?? 0))
    stream.on('data', (chunk: string) => (body += chunk))
    stream.on('end', () => (ended = true))
    stream.on('frameError', (type) => (unsent ||= type === HEADERS))
    stream.on('error', (error) => (failure = error))
    stream.on('close', () => {
      if (unsent) reject(new Unsent(failure))
      else if (failure !== undefined) reject(failure as Error)
      else if (ended && stream.rstCode === 0 && status > 0) resolve({ status, body })
      else reject(Object.assign(new Error('the stream is cut'), { rstCode: stream.rstCode, body }))
    })
  })
}
