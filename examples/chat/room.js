import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Where the messages are kept: what a database or Redis is in a larger application. */
const folder = process.env.DATA ?? join(import.meta.dirname, 'data')
mkdirSync(folder, { recursive: true })

/**
 * A room. Its messages are lines of a file, and the number of a line is the id of its message. While a deploy is under way
 * members are in two processes for a moment; each reads what the other has written, so that nobody misses a message.
 */
export class Room {
  #file
  #messages = []
  #read = 0
  /** Each with what it is sent by. */
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
    // A line is appended in one piece, even if the other process appends at the same time.
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
