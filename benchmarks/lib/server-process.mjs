import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { sum } from './statistics.mjs'

const running = new Set()

/** Ends every process that a benchmark starts when the benchmark itself ends, in whatever way. */
export function closesWithUs() {
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL')
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))
}

/** Remembers a child for as long as it runs. */
export function keepTrack(child) {
  running.add(child)
  child.once('exit', () => running.delete(child))
}

/** The core that servers run on; the clients, and this process, run on the last one. */
export const serverCore = '0'
export const clientCore = String(availableParallelism() - 1)

/** One server of `servers/`, in a process of its own on the servers' core. */
export class ServerProcess {
  #child
  #messages = []
  #waiting = new Map()

  static async start(name, { nodeArguments = [], args = [], anyCore = false } = {}) {
    const server = new ServerProcess()
    const script = fileURLToPath(new URL(`../servers/${name}.mjs`, import.meta.url))
    const cores = anyCore ? `${serverCore}-${clientCore}` : serverCore
    const command = ['-c', cores, process.execPath, ...nodeArguments, script, ...args]
    server.#run('taskset', command)
    server.port = (await server.message('listening')).port
    return server
  }

  #run(command, args) {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child = child
    keepTrack(child)
    this.exited = once(child, 'exit').then(([code, signal]) => {
      const at = performance.now()
      for (const { reject } of this.#waiting.values()) reject(new Error(`${args.join(' ')} exited`))
      return { at, code, signal }
    })
    child.on('message', (message) => {
      const waiting = this.#waiting.get(message.type)
      this.#waiting.delete(message.type)
      if (waiting === undefined) this.#messages.push(message)
      else waiting.resolve(message)
    })
  }

  get pid() {
    return this.#child.pid
  }

  /** The next message of a type, which may have come already. */
  message(type) {
    const index = this.#messages.findIndex((message) => message.type === type)
    if (index >= 0) return Promise.resolve(this.#messages.splice(index, 1)[0])
    return new Promise((resolve, reject) => this.#waiting.set(type, { resolve, reject }))
  }

  send(type, details = {}) {
    this.#child.send({ type, ...details })
  }

  kill(signal) {
    this.#child.kill(signal)
  }

  /** Nanoseconds on a CPU so far, all threads together, as the scheduler counts them. */
  cpuTime() {
    const tasks = `/proc/${this.pid}/task`
    return sum(
      readdirSync(tasks).map((task) =>
        Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
      ),
    )
  }

  async stop() {
    this.#child.kill('SIGKILL')
    await this.exited
  }
}
