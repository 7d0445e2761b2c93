import http2 from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'
import { ConnectionRefused, type ConnectOptions, type KindTally } from '@zerodrop/traffic'

const CONNECT_TIMEOUT = 5000

/** The HTTP/2 connection that the streams of one client share, made again when the server has sent it away. */
export class H2Session {
  readonly #to: ConnectOptions
  readonly #tally: KindTally
  #latest: Promise<ClientHttp2Session> | undefined
  #ticket: Buffer | undefined

  constructor(to: ConnectOptions, tally: KindTally) {
    this.#to = to
    this.#tally = tally
    tally.connections.clients += 1
  }

  /** A session that takes a stream now. @throws ConnectionRefused */
  async get(): Promise<ClientHttp2Session> {
    for (;;) {
      this.#latest ??= this.#open()
      const asked = this.#latest
      try {
        const session = await asked
        if (!session.closed && !session.destroyed) return session
      } catch (error) {
        this.#forget(asked)
        throw error
      }
      this.#forget(asked)
    }
  }

  async close(): Promise<void> {
    const session = await this.#latest?.catch(() => undefined)
    session?.close()
  }

  /** Unless another stream has done so, and there is a newer one already. */
  #forget(session: Promise<ClientHttp2Session>): void {
    if (this.#latest === session) this.#latest = undefined
  }

  #open(): Promise<ClientHttp2Session> {
    const { port, tls: options } = this.#to
    const { connections, counts } = this.#tally
    const socket = options ? this.#connectSecurely(options) : net.connect({ port, host: '127.0.0.1' })
    socket.setNoDelay(true)
    const session = http2.connect(`${options ? 'https' : 'http'}://127.0.0.1:${port}`, {
      createConnection: () => socket,
    })
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => session.destroy(new Error('no connection in time')), CONNECT_TIMEOUT)
      // Later errors show in the streams that they end.
      session.on('error', (error) => {
        clearTimeout(timer)
        reject(new ConnectionRefused(port, error))
      })
      session.once('connect', () => {
        clearTimeout(timer)
        connections.opened += 1
        if (socket instanceof tls.TLSSocket && socket.isSessionReused()) counts.resumed += 1
        resolve(session)
      })
    })
  }

  #connectSecurely(options: tls.ConnectionOptions): tls.TLSSocket {
    const session = this.#ticket
    const socket = tls.connect({
      ...options,
      port: this.#to.port,
      host: '127.0.0.1',
      ALPNProtocols: ['h2'],
      ...(session && { session }),
    })
    socket.on('session', (latest) => (this.#ticket = latest))
    return socket
  }
}
