import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type AppOptions, type AppProcess, startApp } from '../../src/app-process.ts'
import type { Leftovers } from '@zerodrop/traffic'

/** One server or UDP socket of `fixtures/restart/servers.mjs`. */
export interface ServerSpec {
  kind: 'http' | 'https' | 'http2' | 'h2c' | 'net' | 'udp4' | 'udp6'
  name: string
  /** What `listen()` or `bind()` is given. */
  listen: object
  /** Options of `tls.createServer()`; `ticketKeys` in base64. */
  tls?: object
  /** Options of `http.createServer()`. */
  http?: object
  /** Properties of the server. */
  set?: object
  /** Options of `dgram.createSocket()`. */
  socket?: object
  /** What the server's `setTicketKeys()` is called with before it listens, in base64. */
  setTicketKeys?: string
  ignore?: 'before' | 'after'
  /** Options of `lifecycle.attach()`. */
  attach?: { migrate: boolean }
  /** Multicast groups that a UDP socket joins. */
  groups?: string[]
}

/** What a version of the application is. */
export interface Version {
  servers: ServerSpec[]
  /** Listens and, with `manualReady`, does not say that it is ready. */
  neverReady?: boolean
  options?: {
    drainTimeout?: number
    lingerTimeout?: number
    firstRequestTimeout?: number
    manualReady?: boolean
    pidFile?: string
    keepPid?: boolean
    migrate?: 'none' | 'unmarked' | 'throws' | 'promises'
  }
}

export const serversFixture: string = path.join(__dirname, '../../fixtures/restart/servers.mjs')

/** An application of several servers under test, of which each generation can be another version. */
export class Deployment {
  readonly app: AppProcess
  readonly #deploy: (version: Version) => void

  private constructor(app: AppProcess, deploy: Deployment['deploy']) {
    this.app = app
    this.#deploy = deploy
  }

  /** Starts it and resolves when it listens. */
  static async start(
    undo: Leftovers,
    version: Version,
    options: Partial<AppOptions> = {},
  ): Promise<Deployment> {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const deployFile = path.join(folder, 'deploy.json')
    const deploy = (next: Version): void => writeFileSync(deployFile, JSON.stringify(next))
    deploy(version)
    const env = { ZERODROP_TEST_DEPLOY: deployFile, ...options.env }
    const app = await startApp({ file: serversFixture, ...options, env })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    return new Deployment(app, deploy)
  }

  /** Says what the next generation will be. */
  deploy(version: Version): void {
    this.#deploy(version)
  }

  /** Restarts, and resolves when the predecessor has begun to hand over. */
  async begin(): Promise<{ before: number; after: number }> {
    const from = this.app.lines.length
    const before = this.app.signal('SIGHUP')
    const { pid } = await this.app.waitFor('listening', { from })
    await this.app.waitFor('handing-over', { from })
    return { before, after: pid as number }
  }

  /** Restarts, and resolves when the predecessor is gone. */
  async restart(): Promise<{ before: number; after: number }> {
    const pids = await this.begin()
    await this.app.exitOf(pids.before)
    return pids
  }
}
