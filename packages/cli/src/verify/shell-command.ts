import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { Failure } from '../fail.ts'

export interface ShellOptions {
  /** For the command's `ZERODROP_VERIFY_PID`. */
  readonly pid: number
  /** For its `PORT`, unless the environment sets one. */
  readonly port: number
  /** What it starts belongs to the server, and ends with it. */
  readonly mark: string | undefined
  /** Milliseconds. */
  readonly limit: number
}

/** A command of the command line, in a process group of its own. */
export class ShellCommand {
  /** Rejects with a Failure if the command fails, or has not ended at the limit. What it has started may go on. */
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  #isOver = false

  /** @param flag that the command comes from */
  constructor(command: string, flag: string, { pid, port, mark, limit }: ShellOptions) {
    const [name, value] = mark?.split('=') ?? []
    const env = {
      PORT: String(port),
      ...process.env,
      ZERODROP_VERIFY_PID: String(pid),
      ...(name !== undefined && { [name]: value }),
    }
    this.#child = spawn(command, { shell: true, detached: true, stdio: ['ignore', 'ignore', 'pipe'], env })
    let said = ''
    this.#child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (said = (said + text).slice(-OUTPUT)))
    this.ended = new Promise((resolve, reject) => {
      const fail = (how: string): void =>
        reject(new Failure(`The command of ${flag} ${how}: ${command}\n${said}`.trimEnd(), { status: 2 }))
      const late = setTimeout(() => {
        this.kill()
        fail(`had not ended after ${limit} ms (a server that it starts belongs into the background)`)
      }, limit)
      const settle = (status: number | null, signal: NodeJS.Signals | null): void => {
        clearTimeout(late)
        this.#isOver = true
        // What it has started may write to the pipe for as long as it serves, and would fail if nobody read it.
        ;(this.#child.stderr as Socket | null)?.unref()
        if (status === 0) resolve()
        else fail(`ended with ${status ?? signal}`)
      }
      this.#child.once('error', (error) => fail(`cannot be started (${error.message})`))
      // The last words are in the pipe by now, and one turn of the loop reads them.
      this.#child.once('exit', (status, signal) => {
        const timer = setTimeout(() => settle(status, signal), status === 0 ? 0 : LAST_WORDS)
        this.#child.once('close', () => {
          clearTimeout(timer)
          settle(status, signal)
        })
      })
    })
    // Awaited by its owner, maybe later.
    this.ended.catch(() => {})
  }

  /** Kills the command, and what it waits for; nothing once it has ended. */
  kill(): void {
    if (this.#isOver || this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // It has ended in this moment.
    }
  }
}

/** Milliseconds for the output of a command that has failed. */
const LAST_WORDS = 200
const OUTPUT = 4000
