import { once } from 'node:events'
import net from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'

const request = Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')

/**
 * Keep-alive connections to one server that ask for an exact number of responses. It counts bytes instead of parsing,
 * because all responses of a server have the same length: the less it does, the steadier the server is kept busy.
 */
export class Load {
  #sockets = []
  #received = new Map()
  #length = 0
  #left = 0
  #underway = 0
  #done = () => {}
  #fail = () => {}

  static async open(port, connections) {
    const load = new Load()
    for (let count = 0; count < connections; count++) await load.#connect(port)
    await load.#measure(load.#sockets[0])
    return load
  }

  /** Resolves when this many requests have been answered. */
  send(count) {
    return new Promise((resolve, reject) => {
      this.#done = resolve
      this.#fail = reject
      this.#left = count
      for (const socket of this.#sockets) this.#next(socket)
    })
  }

  /**
   * One request on every connection, all in the server's hands before it begins with the first: what it does for them
   * then depends on nobody's speed but its own.
   */
  async burst(server) {
    server.kill('SIGSTOP')
    const answered = this.send(this.#sockets.length)
    await turn()
    server.kill('SIGCONT')
    await answered
  }

  close() {
    this.#fail = () => {}
    for (const socket of this.#sockets) socket.destroy()
  }

  async #connect(port) {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    this.#sockets.push(socket)
    this.#received.set(socket, 0)
  }

  /** Learns how long a response is. */
  async #measure(socket) {
    socket.write(request)
    const [response] = await once(socket, 'data')
    const text = response.toString('latin1')
    const head = text.indexOf('\r\n\r\n') + 4
    const body = Number(/^content-length: (\d+)$/im.exec(text)?.[1])
    if (!text.startsWith('HTTP/1.1 200 ') || text.length !== head + body)
      throw new Error(`Unexpected: ${text}`)
    this.#length = text.length
    for (const each of this.#sockets) {
      each.on('data', (chunk) => this.#receive(each, chunk.length))
      each.on('error', (error) => this.#fail(error))
      each.on('close', () => this.#fail(new Error('The server closed a connection')))
    }
  }

  #next(socket) {
    if (this.#left === 0) return
    this.#left--
    this.#underway++
    socket.write(request)
  }

  #receive(socket, bytes) {
    const received = this.#received.get(socket) + bytes
    if (received > this.#length) return this.#fail(new Error('A response is longer than the first one was'))
    if (received < this.#length) return this.#received.set(socket, received)
    this.#received.set(socket, 0)
    this.#underway--
    if (this.#left > 0) this.#next(socket)
    else if (this.#underway === 0) this.#done()
  }
}
