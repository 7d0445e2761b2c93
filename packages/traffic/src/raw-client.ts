import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { ConnectionGone, ConnectionRefused, LostRequest } from './client-errors.ts'
import type { LossReason } from './client-errors.ts'
import { HttpReader } from './http-reader.ts'
import type { HttpResponse, InterimResponse } from './http-reader.ts'
import { encodeRequest } from './http-writer.ts'
import type { RequestContent } from './http-writer.ts'
import { Inbox } from './inbox.ts'
import { reset } from './reset.ts'

export type RawResponse = HttpResponse

export interface ConnectOptions {
  port: number
  /** @default '127.0.0.1' */
  host?: string
  /** Milliseconds for the connect, with TLS for the handshake too. @default 15000 */
  timeout?: number
  tls?: tls.ConnectionOptions
}

export interface RequestOptions extends RequestContent {
  /** Milliseconds for the whole answer; at its end the connection is destroyed. @default 15000 */
  timeout?: number
}

/** Who ended the connection: the server with a FIN, the server (or the way) with a reset, or this client itself. */
export type ConnectionEnd = 'fin' | 'reset' | 'local'

const CONNECT_TIMEOUT = 15_000
const ANSWER_TIMEOUT = 15_000

/**
 * An HTTP client over exactly one connection, which retries nothing and hides nothing: a request of which bytes were
 * written is answered whole or is a `LostRequest`.
 */
export class RawClient {
  readonly localPort: number
  /** Settles when the connection is over; never rejects. */
  readonly ended: Promise<ConnectionEnd>
  readonly socket: Socket
  readonly #host: string
  readonly #reader: HttpReader
  readonly #responses = new Inbox<RawResponse>()
  readonly #interims = new Inbox<InterimResponse>()
  readonly #upgraded = new Inbox<Buffer>()
  #end: ConnectionEnd | undefined
  #resolveEnded!: (end: ConnectionEnd) => void
  #sawClose = false
  /** Settles when the body that is being written piece by piece is written. */
  #writing: Promise<void> | undefined

  /** @throws ConnectionRefused if there is no connection. */
  static connect(options: ConnectOptions): Promise<RawClient> {
    const { port, host = '127.0.0.1', timeout = CONNECT_TIMEOUT } = options
    const socket = options.tls ? tls.connect({ ...options.tls, port, host }) : net.connect({ port, host })
    socket.setNoDelay(true)
    return new Promise((resolve, reject) => {
      const refuse = (error: NodeJS.ErrnoException): void => {
        clearTimeout(timer)
        socket.destroy()
        reject(new ConnectionRefused(port, error))
      }
      const timer = setTimeout(() => {
        refuse(Object.assign(new Error(`no connection within ${timeout} ms`), { code: 'ETIMEDOUT' }))
      }, timeout)
      socket.once('error', refuse)
      socket.once(options.tls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer)
        socket.off('error', refuse)
        resolve(new RawClient(socket, `${host.includes(':') ? `[${host}]` : host}:${port}`))
      })
    })
  }

  private constructor(socket: Socket, host: string) {
    this.socket = socket
    this.#host = host
    this.localPort = socket.localPort ?? 0
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve))
    this.#reader = new HttpReader({
      onResponse: (response) => {
        this.#sawClose = response.closes
        this.#responses.push(response)
      },
      onInterim: (interim) => this.#interims.push(interim),
      onUpgraded: (chunk) => this.#upgraded.push(chunk),
    })
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('end', () => {
      this.#reader.end()
      this.#over('fin', this.#reader.bytesPending > 0 ? 'truncated' : 'fin')
    })
    socket.on('error', (error) => this.#over('reset', 'reset', error))
    // Without an end or an error before it, only `destroy` here leads to a close.
    socket.on('close', () => this.#over('local', 'destroyed'))
  }

  /** Whether a request can be written: both directions are open as far as this client knows. */
  get open(): boolean {
    return this.#end === undefined && this.socket.writable
  }

  /** Whether the last answer said that the server closes the connection now. */
  get sawClose(): boolean {
    return this.#sawClose
  }

  /**
   * Writes one request and resolves with its whole answer. Calls may overlap: that is pipelining.
   * @throws ConnectionGone if the connection was not open, so that nothing was written
   * @throws LostRequest if something was written and no whole answer came
   */
  async request(options: RequestOptions = {}): Promise<RawResponse> {
    const { method = 'GET', path = '/', timeout = ANSWER_TIMEOUT } = options
    // A response can arrive before the request's body is written. The next request still waits for the end of that body.
    while (this.#writing) await this.#writing
    if (!this.open) throw new ConnectionGone(`${method} ${path}`, this.localPort)
    const { first, rest } = encodeRequest(options, this.#host)
    this.#reader.expect(method)
    this.socket.write(first)
    // An error of the body's own source ends the connection; then the request is lost and says so.
    if (rest) {
      this.#writing = this.#writePieces(rest)
        .catch(() => this.destroy())
        .finally(() => (this.#writing = undefined))
    }
    return this.#take(this.#responses, `${method} ${path}`, timeout)
  }

  /** Sends GETs for all paths in one write; resolves with the answers in order. */
  async pipeline(paths: string[], timeout: number = ANSWER_TIMEOUT): Promise<RawResponse[]> {
    this.socket.cork()
    const answers = paths.map((path) => this.request({ path, timeout }))
    this.socket.uncork()
    return Promise.all(answers)
  }

  /** Writes bytes as they are; take what they cause with `nextResponse` (each is read as the answer to a GET). */
  write(raw: string | Buffer): void {
    this.socket.write(raw)
  }

  /** The next response that was not taken yet, even if no request asked for it. */
  nextResponse(timeout: number = ANSWER_TIMEOUT): Promise<RawResponse> {
    return this.#take(this.#responses, 'answer', timeout)
  }

  /** The next 1xx answer, such as 100 to `expect: 100-continue`. */
  nextInterim(timeout: number = ANSWER_TIMEOUT): Promise<InterimResponse> {
    return this.#take(this.#interims, 'interim answer', timeout)
  }

  /** The next bytes after a 101, cut as they came. */
  nextUpgraded(timeout: number = ANSWER_TIMEOUT): Promise<Buffer> {
    return this.#take(this.#upgraded, 'upgraded bytes', timeout)
  }

  /** Stops reading, so that the server feels a slow client. The server's FIN is not seen meanwhile either. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Sends our FIN; answers still come. */
  end(): void {
    this.socket.end()
  }

  /** Ends the connection in the friendly way and resolves when it is closed on both sides. */
  async close(): Promise<void> {
    if (this.socket.closed) return
    const closed = new Promise<void>((resolve) => this.socket.once('close', () => resolve()))
    this.socket.end()
    this.socket.resume()
    await closed
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** Ends the connection with a reset. */
  reset(): void {
    reset(this.socket)
  }

  #read(chunk: Buffer): void {
    try {
      this.#reader.feed(chunk)
    } catch (error) {
      this.#over('local', 'malformed', error as Error)
      this.socket.destroy()
    }
  }

  async #writePieces(pieces: AsyncIterable<Buffer>): Promise<void> {
    for await (const piece of pieces) {
      if (!this.open) return
      // The callback comes when the bytes left this process, or with an error when they no longer can.
      await new Promise<void>((resolve) => this.socket.write(piece, () => resolve()))
    }
  }

  async #take<Item>(inbox: Inbox<Item>, what: string, timeout: number): Promise<Item> {
    const timer = setTimeout(() => {
      this.#over('local', 'timeout')
      this.socket.destroy()
    }, timeout)
    try {
      return await inbox.take()
    } catch (error) {
      throw error instanceof LostRequest ? error.named(what) : error
    } finally {
      clearTimeout(timer)
    }
  }

  #over(end: ConnectionEnd, reason: LossReason, cause?: Error): void {
    if (this.#end !== undefined) return
    this.#end = end
    const pending = this.#reader.bytesPending
    const lost = (place: number): LostRequest =>
      new LostRequest(reason, { bytesReceived: place === 0 ? pending : 0, localPort: this.localPort, cause })
    this.#responses.end(lost)
    this.#interims.end(lost)
    this.#upgraded.end(lost)
    this.#resolveEnded(end)
  }
}
