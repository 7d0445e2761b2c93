import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Leftovers } from '@zerodrop/traffic'

export const root = path.join(__dirname, '../../../..')

/** One run of a command of this package, as `npm run <name>` starts it. */
export class CommandRun {
  stdout = ''
  stderr = ''
  readonly #child
  readonly #closed: Promise<unknown[]>

  constructor(undo: Leftovers, name: 'demo' | 'soak', ...args: string[]) {
    const file = path.join(root, 'packages/conformance/dist', `${name}.js`)
    this.#child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.#closed = once(this.#child, 'close')
    undo.add(() => this.end())
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** The exit pair, once the command and every process that shares its output have exited. */
  exit(): Promise<unknown[]> {
    return this.#closed
  }

  /** What matches on stderr, as soon as it is there. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stderr)
      if (match) return match
      const [ended] = await Promise.race([
        once(this.#child.stderr, 'data'),
        this.#closed.then((exit) => [exit]),
      ])
      if (Array.isArray(ended)) throw new Error(`the command ended with ${String(ended)}:\n${this.stderr}`)
    }
  }

  end(): Promise<unknown[]> {
    this.#child.kill('SIGTERM')
    return this.#closed
  }
}
