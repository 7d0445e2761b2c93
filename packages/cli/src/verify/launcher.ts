import { Failure } from '../fail.ts'
import { preflight } from './preflight.ts'
import { AdoptedServer } from './server/adopted.ts'
import { findAddress } from './server/address.ts'
import { listeningAddresses } from './server/listening.ts'
import type { Found } from './server/listening.ts'
import type { Address, Running } from './server/running.ts'
import { startContainer } from './server/container.ts'
import { startServer } from './server/started.ts'
import type { Findings, Settings } from './settings.ts'
import { freePort } from './traffic.ts'

/** How the server comes to be there. */
export type Target =
  | { readonly kind: 'command'; readonly command: readonly [string, ...string[]] }
  | { readonly kind: 'pid'; readonly pid: number }
  | { readonly kind: 'docker'; readonly image: string; readonly command: readonly string[] }

export interface Launched {
  readonly server: Running
  readonly findings: Findings
}

/** Starts the server as often as it is needed, and ends whatever it started. */
export class Launcher {
  readonly #target: Target
  readonly #settings: Settings
  readonly #only: Address | undefined
  readonly #running = new Set<Running>()
  readonly #owed = new Set<() => Promise<void>>()
  #findings: Findings | undefined

  constructor(target: Target, settings: Settings, only?: Address) {
    this.#target = target
    this.#settings = settings
    this.#only = only
  }

  /**
   * Looks at the server once.
   * @throws Failure if it does not start, is not found, or a route of the command line does not work
   */
  async examine(): Promise<Findings> {
    const { server, port } = await this.#start(process.env['PORT'] === undefined)
    try {
      const { address, status } = await this.#find(server, port)
      // One that listens elsewhere as well could not run twice.
      const movable =
        port !== undefined && address.port === port && (await listeningAddresses(server)).length === 1
      this.#findings = { address, movable, ...(await preflight(address, this.#settings, status)) }
      return this.#findings
    } finally {
      await this.end(server)
    }
  }

  /** Starts a server and waits until it answers. */
  async launch(): Promise<Launched> {
    const { server, port } = await this.#start(this.#known.movable)
    try {
      const { address } = await this.#find(server, port)
      return { server, findings: { ...this.#known, address } }
    } catch (error) {
      await this.end(server)
      throw error
    }
  }

  /** Starts a server and does not wait. */
  async launchUnready(): Promise<Launched> {
    const { server, port } = await this.#start(this.#known.movable)
    const address = { ...this.#known.address, ...(port !== undefined && { port }) }
    return { server, findings: { ...this.#known, address } }
  }

  async end(server: Running): Promise<void> {
    await server.kill()
    this.#running.delete(server)
  }

  /** Takes an undo, which runs when the returned function is called, or at the latest when everything ends. */
  owe(undo: () => Promise<void>): () => Promise<void> {
    const once = async (): Promise<void> => {
      if (this.#owed.delete(once)) await undo()
    }
    this.#owed.add(once)
    return once
  }

  async endAll(): Promise<void> {
    for (const undo of this.#owed) await undo()
    await Promise.all([...this.#running].map((server) => this.end(server)))
  }

  get #known(): Findings {
    if (this.#findings === undefined) throw new Failure('The server has not been examined.')
    return this.#findings
  }

  async #start(onFreePort: boolean): Promise<{ server: Running; port: number | undefined }> {
    const target = this.#target
    if (target.kind === 'pid') return { server: this.#note(new AdoptedServer(target.pid)), port: undefined }
    if (target.kind === 'docker')
      return { server: this.#note(await startContainer(target.image, target.command)), port: undefined }
    const port = onFreePort && this.#only === undefined ? await freePort() : undefined
    const server = this.#note(await startServer({ command: target.command, port }))
    return { server, port: port ?? numberOr(process.env['PORT']) }
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
