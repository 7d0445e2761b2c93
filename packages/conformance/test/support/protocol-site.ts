import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { LifecycleOptions } from '@zerodrop/core'
import { startApp } from '../../src/app-process.ts'
import type { AppProcess } from '../../src/app-process.ts'
import { freePort, type Leftovers, RawClient, startDelayProxy } from '@zerodrop/traffic'
import { openGates } from './gates.ts'
import type { Gates } from './gates.ts'

export type Transport = 'http' | 'https' | 'h2c' | 'h2' | 'h2+http1'

/** What listens for upgrades: `ws` in three manners, a WebSocket server by hand, another protocol, or nothing. */
export type WebSockets = 'attached' | 'noServer' | 'plugin' | 'plain' | 'other' | 'none'

export interface SiteOptions {
  transport?: Transport
  webSockets?: WebSockets
  options?: LifecycleOptions
  execArgv?: string[]
  /** Where it listens. @default a free port */
  port?: number
  /** Listens on a Unix socket instead of a port: see `socketPath`. */
  unix?: boolean
}

/** The end of a process by its own will, with nothing cut. */
export const clean = { code: 0, signal: null }
/** The same, with something cut. */
export const unclean = { code: 1, signal: null }

/** Long enough that a test which passes never waits for one of them. */
const patient: LifecycleOptions = { drainTimeout: 20_000, lingerTimeout: 20_000, firstRequestTimeout: 20_000 }

/** A server of `fixtures/protocols`, under test. */
export class ProtocolSite {
  readonly app: AppProcess
  readonly port: number
  /** Where it listens, with `unix`. */
  readonly socketPath: string
  readonly gates: Gates
  readonly transport: Transport
  readonly #undo: Leftovers

  private constructor(
    app: AppProcess,
    { port, socketPath }: { port: number; socketPath: string },
    gates: Gates,
    transport: Transport,
    undo: Leftovers,
  ) {
    this.app = app
    this.port = port
    this.socketPath = socketPath
    this.gates = gates
    this.transport = transport
    this.#undo = undo
  }

  /** Starts it and resolves when it listens. */
  static async start(undo: Leftovers, fixture: string, site: SiteOptions = {}): Promise<ProtocolSite> {
    const { transport = 'http', webSockets = 'none', options = {}, execArgv, unix = false } = site
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const gates = await openGates(undo)
    const port = site.port ?? (await freePort())
    const deployFile = path.join(folder, 'deploy.json')
    const socketPath = path.join(folder, 'app.sock')
    const address = unix ? socketPath : port
    const deploy = { version: '1', port: address, gatePort: gates.port, options: { ...patient, ...options } }
    writeFileSync(deployFile, JSON.stringify({ ...deploy, transport, webSockets }))
    const file = path.join(__dirname, '../../fixtures/protocols', `${fixture}.mjs`)
    const env = { ZERODROP_TEST_DEPLOY: deployFile }
    const app = await startApp({ file, env, ...(execArgv && { execArgv }) })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    return new ProtocolSite(app, { port, socketPath }, gates, transport, undo)
  }

  get secure(): boolean {
    return this.transport !== 'http' && this.transport !== 'h2c'
  }

  /** A port that leads here over a line of this length. */
  async distant(roundTrip: number): Promise<number> {
    const proxy = await startDelayProxy({ targetPort: this.port, roundTrip })
    this.#undo.add(() => proxy.close())
    return proxy.port
  }

  async connect(port: number = this.port): Promise<RawClient> {
    const tls = this.secure ? { rejectUnauthorized: false } : undefined
    const client = await RawClient.connect({ port, ...(tls && { tls }) })
    this.#undo.add(() => client.destroy())
    return client
  }

  /** Sends the signal to a serving process and resolves when it drains. */
  async drain(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const from = this.app.lines.length
    this.app.signal(signal)
    await this.app.waitFor('draining', { from })
  }

  /** Restarts, and resolves when the predecessor has begun to hand over. */
  async restart(): Promise<{ before: number; after: number }> {
    const from = this.app.lines.length
    const before = this.app.signal('SIGHUP')
    const { pid } = await this.app.waitFor('listening', { from })
    await this.app.waitFor('handing-over', { from })
    return { before, after: pid as number }
  }

  /** The names of what the report says was cut, from the lines it wrote. */
  cutLines(): string[] {
    return this.app.stderr.split('\n').filter((line) => /cut (at the deadline|by a signal): /.test(line))
  }
}
