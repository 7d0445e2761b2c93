import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { Failure } from '../fail.ts'

export interface ShellOptions {
  /** The value of `ZERODROP_VERIFY_PID` for the command. */
  readonly pid: number
  /** The value of `PORT` for the command, unless the environment sets one. */
  readonly port: number
  /** Marks the processes that the command starts as processes of the server, so that they end with it. */
  readonly mark: string | undefined
  /** In milliseconds. */
  readonly limit: number
}

/** A shell command from the command line, in its own process group. */
export class ShellCommand {
  /** Rejects with a Failure if the command fails or exceeds the limit. Background processes of the command may go on. */
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  #isOver = false

  /** @param flag the option that names the command */
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
        // A server that the command started may keep writing to the pipe, and would fail if the pipe were closed.
        ;(this.#child.stderr as Socket | null)?.unref()
        if (status === 0) resolve()
        else fail(`ended with ${status ?? signal}`)
      }
      this.#child.once('error', (error) => fail(`cannot be started (${error.message})`))
      // The last output is already in the pipe, and Node reads it on the next event loop tick.
      this.#child.once('exit', (status, signal) => {
        const timer = setTimeout(() => settle(status, signal), status === 0 ? 0 : LAST_WORDS)
        this.#child.once('close', () => {
          clearTimeout(timer)
          settle(status, signal)
        })
      })
    })
    // The caller may await `ended` later.
    this.ended.catch(() => {})
  }

  /** Kills the command's process group. Does nothing once the command has ended. */
  kill(): void {
    if (this.#isOver || this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // The command has just ended.
    }
  }
}

/** How long to wait for the output of a failed command, in milliseconds. */
const LAST_WORDS = 200
const OUTPUT = 4000
