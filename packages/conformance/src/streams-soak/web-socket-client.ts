import { once } from 'node:events'
import WebSocket from 'ws'
import { Sequence, type StreamTally } from './tally.ts'

/** Milliseconds between two messages of one client. */
const pace = 40

export interface WebSocketTallies {
  /** Answers that are given at once. */
  readonly echoes: StreamTally
  /** Those of asynchronous handlers, in no particular order. */
  readonly answers: StreamTally
  readonly pushes: StreamTally
  readonly pings: StreamTally
}

/** Talks over one WebSocket, and counts what comes back. */
export class WebSocketClient {
  readonly #socket: WebSocket
  readonly #tallies: WebSocketTallies
  /** The numbers that are to be answered. */
  readonly #open = new Set<number>()
  #timer: NodeJS.Timeout | undefined
  #sent = 0
  #pings = 0
  #ending = false
  #onQuiet: () => void = () => {}

  static async open(port: number, name: string, tallies: WebSocketTallies): Promise<WebSocketClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`)
    // Listens before it is open: the first push comes right behind that.
    const client = new WebSocketClient(socket, name, tallies)
    await once(socket, 'open')
    client.#begin()
    return client
  }

  private constructor(socket: WebSocket, name: string, tallies: WebSocketTallies) {
    this.#socket = socket
    this.#tallies = tallies
    const pushes = new Sequence(`${name}: pushes`, tallies.pushes, 0)
    const echoes = new Sequence(`${name}: echoes`, tallies.echoes)
    socket.on('message', (data: Buffer) => {
      const { push, echo, answer } = JSON.parse(data.toString()) as Record<string, number>
      if (push !== undefined) pushes.add(push)
      else if (echo !== undefined) this.#onEcho(echo, echoes)
      else if (answer !== undefined) this.#onAnswer(answer, name)
    })
    socket.on('pong', () => {
      this.#pings--
      tallies.pings.received++
    })
    socket.on('error', () => {})
    socket.on('close', (code) => {
      if (!this.#ending) tallies.echoes.wrong('closed', `${name}: closed with ${code}`)
      this.#onQuiet()
    })
  }

  #begin(): void {
    this.#timer = setInterval(() => this.#send(), pace * (0.8 + Math.random() * 0.4))
  }

  /** Sends no more, and resolves when all that is to come has come, or does not come. */
  async finish(finishTimeout: number): Promise<void> {
    clearInterval(this.#timer)
    const quiet = new Promise<void>((resolve) => {
      this.#onQuiet = resolve
    })
    const timer = setTimeout(() => this.#onQuiet(), finishTimeout)
    if (this.#open.size > 0 || this.#pings > 0) await quiet
    clearTimeout(timer)
    const { echoes, pings } = this.#tallies
    if (this.#open.size > 0) echoes.wrong('lost', `no answer to ${[...this.#open].join()}`, this.#open.size)
    if (this.#pings > 0) pings.wrong('lost', `${this.#pings} pings`, this.#pings)
    this.#ending = true
    this.#socket.terminate()
  }

  #send(): void {
    const number = this.#sent++
    if (number % 25 === 24) {
      this.#pings++
      this.#socket.ping()
    }
    this.#open.add(number)
    this.#socket.send(JSON.stringify(number % 4 === 3 ? { ask: number } : { echo: number }))
  }

  #onEcho(number: number, echoes: Sequence): void {
    this.#open.delete(number)
    // Every fourth is a question, whose answer comes when it comes.
    echoes.add(number - Math.floor((number + 1) / 4))
    this.#check()
  }

  #onAnswer(number: number, name: string): void {
    if (this.#open.delete(number)) this.#tallies.answers.received++
    else this.#tallies.answers.wrong('duplicated', `${name}: a second answer to ${number}`)
    this.#check()
  }

  #check(): void {
    if (this.#open.size === 0 && this.#pings === 0) this.#onQuiet()
  }
}
