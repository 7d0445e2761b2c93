import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { keepTrack } from './server-process.mjs'

/** As many of the wanted connections as a process may have open here. */
export function allowedConnections(wanted) {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const hard = Number(/^Max open files +\S+ +(\d+)/m.exec(limits)?.[1] ?? Infinity)
  return Math.min(wanted, hard - 100)
}

/** Idle connections to a server, on each of which one request was made, held by another process. */
export class HeldConnections {
  #child

  /** @param protocol `'websocket'`: the request asks for one */
  static async open(port, count, protocol = 'http') {
    const held = new HeldConnections()
    const args = [String(port), String(count), protocol]
    held.#child = fork(fileURLToPath(new URL('holder.mjs', import.meta.url)), args)
    keepTrack(held.#child)
    await held.#message()
    return held
  }

  /** How many were ended by a reset. */
  async resets() {
    this.#child.send('resets')
    return (await this.#message()).resets
  }

  /** Asks once more on each, and resolves with how many are open and answered. */
  async ask() {
    this.#child.send('ask')
    return (await this.#message()).answered
  }

  async close() {
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  async #message() {
    const gone = once(this.#child, 'exit').then(() => {
      throw new Error('The process that holds the connections has died')
    })
    gone.catch(() => {})
    const [message] = await Promise.race([once(this.#child, 'message'), gone])
    return message
  }
}
