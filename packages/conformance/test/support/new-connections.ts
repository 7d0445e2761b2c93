import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'

/** Where the clients connect to. */
export type Target = net.NetConnectOpts & { readonly ca?: Buffer }

/** How a connection ended: with a whole answer, refused before it was established, or in any other way. */
type End = 'answered' | 'refused' | `lost: ${string}`

const refusals = new Set(['ECONNREFUSED', 'ENOENT'])

/** Clients that open a connection for each request, and stop at the first that the server does not answer. */
export class NewConnections {
  /** Resolves with how often each thing happened, when every client has stopped. */
  readonly done: Promise<Record<string, number>>
  readonly #target: Target
  readonly #tally: Record<string, number> = {}
  #busy: () => void = () => {}

  constructor(target: Target, clients: number) {
    this.#target = target
    this.done = Promise.all(Array.from({ length: clients }, () => this.#run())).then(() => this.#tally)
  }

  /** Resolves when this many requests have been answered. */
  async answered(count: number): Promise<void> {
    while ((this.#tally['answered'] ?? 0) < count)
      await new Promise<void>((resolve) => {
        const busy = this.#busy
        this.#busy = () => {
          busy()
          resolve()
        }
      })
  }

  async #run(): Promise<void> {
    for (;;) {
      const end = await this.#request()
      this.#tally[end] = (this.#tally[end] ?? 0) + 1
      this.#busy()
      this.#busy = () => {}
      if (end !== 'answered') return
    }
  }

  async #request(): Promise<End> {
    const socket = net.connect(this.#target)
    try {
      await once(socket, 'connect')
    } catch (error) {
      socket.destroy()
      const { code } = error as NodeJS.ErrnoException
      return refusals.has(String(code)) ? 'refused' : `lost: ${code} while connecting`
    }
    const { ca } = this.#target
    const stream = ca === undefined ? socket : tls.connect({ socket, ca, servername: 'localhost' })
    let answer = ''
    stream.setEncoding('latin1').on('data', (text: string) => {
      answer += text
    })
    stream.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      socket.on('error', resolve)
      stream.on('error', resolve).on('close', () => resolve(undefined))
    })
    stream.destroy()
    socket.destroy()
    if (error !== undefined) return `lost: ${error.code}`
    return answer.endsWith('\r\n\r\nwhole') ? 'answered' : `lost: ended after ${answer.length} bytes`
  }
}
