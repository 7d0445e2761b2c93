import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The folder with the messages. A larger application would use a database or Redis. */
const folder = process.env.DATA ?? join(import.meta.dirname, 'data')
mkdirSync(folder, { recursive: true })

/**
 * A room. Each message is a line of a file, and the line number is the id of the message. During a deploy, members are briefly
 * spread over two processes. Each process reads the messages that the other has written, so that no member misses a message.
 */
export class Room {
  #file
  #messages = []
  #read = 0
  /** The members, each with the function that sends it a message. */
  #members = new Map()
  #timer

  constructor(name) {
    this.#file = join(folder, `${encodeURIComponent(name)}.jsonl`)
    if (!existsSync(this.#file)) appendFileSync(this.#file, '')
    this.#readNew()
  }

  /** @param last the id of the last message that the member has seen */
  join(member, last, send) {
    this.#readNew()
    for (const message of this.#messages.slice(last)) send(message)
    this.#members.set(member, send)
    this.#timer ??= setInterval(() => this.#readNew(), 50)
  }

  leave(member) {
    this.#members.delete(member)
    if (this.#members.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  say(name, text, version) {
    // Each append writes the whole line at once, even if the other process appends at the same time.
    appendFileSync(this.#file, `${JSON.stringify({ name, text, version })}\n`)
    this.#readNew()
  }

  #readNew() {
    if (statSync(this.#file).size === this.#read) return
    const bytes = readFileSync(this.#file)
    const lines = bytes.subarray(this.#read).toString().split('\n')
    this.#read = bytes.length - Buffer.byteLength(lines.pop())
    for (const line of lines) {
      const message = { id: this.#messages.length + 1, ...JSON.parse(line) }
      this.#messages.push(message)
      for (const send of this.#members.values()) send(message)
    }
  }
}
