import { Failure } from '../fail.ts'
import { preflight } from './preflight.ts'
import { AdoptedServer } from './server/adopted.ts'
import { findAddress } from './server/address.ts'
import { failIfInUse } from './server/not-found.ts'
import { listeningAddresses } from './server/listening.ts'
import type { Found } from './server/listening.ts'
import { authorityOf } from './server/running.ts'
import type { Address, Running } from './server/running.ts'
import { startContainer } from './server/container.ts'
import { findImage } from './server/image.ts'
import type { Image } from './server/image.ts'
import { startServer } from './server/started.ts'
import type { Findings, Settings } from './settings.ts'
import { freePort } from './traffic.ts'

/** How to start or find the server. */
export type Target =
  | { readonly kind: 'command'; readonly command: readonly [string, ...string[]] }
  | { readonly kind: 'pid'; readonly pid: number }
  | { readonly kind: 'docker'; readonly image: string; readonly command: readonly string[] }

export interface Launched {
  readonly server: Running
  readonly findings: Findings
}

interface Started {
  readonly server: Running
  /** The value of `PORT` in its environment. */
  readonly port: number | undefined
}

/** Starts a server for each situation that needs one, and ends every server that it started. */
export class Launcher {
  readonly #target: Target
  readonly #settings: Settings
  readonly #only: Address | undefined
  readonly #running = new Set<Running>()
  readonly #owed = new Set<() => Promise<void>>()
  /** Servers that are still starting. They are not in `#running` yet, so `endAll()` waits for them. */
  readonly #starting = new Set<Promise<unknown>>()
  readonly #ending = new AbortController()
  /** Whether the server listens on `PORT`. */
  #followsPort = false
  #findings: Findings | undefined

  constructor(target: Target, settings: Settings, only?: Address) {
    this.#target = target
    this.#settings = settings
    this.#only = only
  }

  /**
   * Looks for the image of the container, and pulls it if the engine does not have it.
   * @throws Failure if no Docker engine answers, or if the image cannot be pulled
   */
  async image(name: string, say: (line: string) => void): Promise<Image> {
    return this.#unlessEnded(findImage(name, { signal: this.#ending.signal, say }))
  }

  /**
   * Starts the server once to find its address and check the routes.
   * @throws Failure if the server does not start or is not found, or if a route of the command line does not work
   */
  async examine(): Promise<Findings> {
    const { server, port } = await this.#start(process.env['PORT'] === undefined)
    try {
      const { address, status } = await this.#find(server, port)
      const listening = await listeningAddresses(server)
      this.#followsPort = port !== undefined && address.port === port
      // Two servers cannot share another, fixed port.
      const movable = this.#followsPort && listening.length === 1
      const looked = await preflight(address, this.#settings, status)
      const others = listening.filter((each) => each.port !== address.port).map(authorityOf)
      if (others.length > 0 && this.#only === undefined)
        looked.remarks.push(
          `The server listens on ${others.join(' and ')} too, which is not judged: --url names another address.`,
        )
      this.#findings = { address, movable, ...looked }
      return this.#findings
    } finally {
      await this.end(server)
    }
  }

  /** Starts a server and waits until it answers. */
  async launch(): Promise<Launched> {
    const { server, port } = await this.#start(this.#followsPort)
    try {
      const { address } = await this.#find(server, port)
      return { server, findings: { ...this.#known, address } }
    } catch (error) {
      await this.end(server)
      throw error
    }
  }

  /** Starts a server without waiting until it answers. */
  async launchUnready(): Promise<Launched> {
    const { server, port } = await this.#start(this.#followsPort)
    const address = { ...this.#known.address, ...(port !== undefined && { port }) }
    return { server, findings: { ...this.#known, address } }
  }

  /** Whether this launcher can start another server after this one has stopped. */
  get startsServers(): boolean {
    return this.#target.kind !== 'pid'
  }

  async end(server: Running): Promise<void> {
    await server.kill()
    this.#running.delete(server)
  }

  /** Registers an undo. It runs once: when the returned function is called, or in `endAll()`. */
  owe(undo: () => Promise<void>): () => Promise<void> {
    const once = async (): Promise<void> => {
      if (this.#owed.delete(once)) await undo()
    }
    this.#owed.add(once)
    return once
  }

  /** Ends every server, including those still starting. No server can be started afterwards. */
  async endAll(): Promise<void> {
    this.#ending.abort()
    for (const undo of [...this.#owed].reverse()) await undo()
    await Promise.allSettled(this.#starting)
    await Promise.all([...this.#running].map((server) => this.end(server)))
  }

  /** Kills every server synchronously, when this process exits. */
  endNow(): void {
    for (const server of this.#running) server.killNow()
  }

  get #known(): Findings {
    if (this.#findings === undefined) throw new Failure('The server has not been examined.')
    return this.#findings
  }

  #start(onFreePort: boolean): Promise<Started> {
    return this.#unlessEnded(this.#begin(onFreePort))
  }

  /** Passes on what has started, unless `endAll()` was called meanwhile. */
  async #unlessEnded<Result>(starting: Promise<Result>): Promise<Result> {
    this.#starting.add(starting)
    try {
      const started = await starting
      if (!this.#ending.signal.aborted) return started
    } finally {
      this.#starting.delete(starting)
    }
    throw new Failure('Everything has been ended.', { status: 2 })
  }

  async #begin(onFreePort: boolean): Promise<Started> {
    if (this.#ending.signal.aborted) throw new Failure('Everything has been ended.', { status: 2 })
    const target = this.#target
    if (target.kind === 'pid') return { server: this.#note(new AdoptedServer(target.pid)), port: undefined }
    if (this.#only !== undefined) await failIfInUse(this.#only)
    const free = onFreePort && this.#only === undefined ? await freePort() : undefined
    const port = free ?? numberOr(process.env['PORT'])
    const server =
      target.kind === 'docker'
        ? await startContainer({ ...target, port })
        : await startServer({ command: target.command, port: free })
    return { server: this.#note(server), port }
  }

  #note(server: Running): Running {
    this.#running.add(server)
    return server
  }

  #find(server: Running, port: number | undefined): Promise<Found> {
    const { routes, startLimit } = this.#settings
    return findAddress(server, { path: routes.get, port, only: this.#only, limit: startLimit })
  }
}

function numberOr(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}
