import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { LifecycleOptions } from '@zerodrop/core'
import { startApp } from '../../src/app-process.ts'
import type { AppProcess } from '../../src/app-process.ts'
import { type ConnectOptions, freePort, type Leftovers, RawClient, startDelayProxy } from '@zerodrop/traffic'
import { openGates } from './gates.ts'
import type { Gates } from './gates.ts'

/** What a drain is tested on: each adapter with the current major of its framework, and a server of Node's. */
export const frameworks = ['express', 'koa', 'fastify', 'http'] as const
export type Framework = (typeof frameworks)[number]

/** The same, each without and with TLS. */
export const frameworksAndTls: [framework: Framework, protocol: 'http' | 'https'][] = frameworks.flatMap(
  (framework): [Framework, 'http' | 'https'][] => [
    [framework, 'http'],
    [framework, 'https'],
  ],
)

const fixtures = path.join(__dirname, '../../fixtures')
const ca = readFileSync(path.join(fixtures, 'tls/cert.pem'))

/** Durations of the lifecycle; `'Infinity'` because that has to go through JSON. */
type Durations = Partial<
  Record<
    'drainTimeout' | 'drainDelay' | 'lingerTimeout' | 'firstRequestTimeout' | 'closeSpread',
    number | 'Infinity'
  >
>

export interface DrainSettings {
  protocol?: 'http' | 'https'
  options?: Durations & Pick<LifecycleOptions, 'health'>
  /** The server's own. */
  keepAliveTimeout?: number
  /** What it listens on. */
  host?: string
  /** Opens a second server, on `secondPort`. */
  second?: boolean
  /** `onDrainingRequest`: refuses all, or `/refused` and nothing else, with no answer for `/throws`, `/rejects` and `/true`. */
  policy?: 'refuse' | 'function'
  /** The application's error handling writes an answer of its own. */
  renders?: boolean
  /** Calls `shutdown()` when a drain has begun. */
  joins?: boolean
  /** Fastify's own option of this name. */
  forceCloseConnections?: boolean
  /** After `GET /close` it listens again. */
  reopens?: boolean
}

/** Long enough that a test which passes never waits for one of them. */
const patient: Durations = { drainTimeout: 20_000, lingerTimeout: 20_000, firstRequestTimeout: 20_000 }

/** A server under test that drains, with all that is needed to use it and to hold its answers back. */
export class DrainSite {
  readonly app: AppProcess
  readonly port: number
  readonly secondPort: number
  readonly gates: Gates
  readonly tls: ConnectOptions['tls']
  readonly #undo: Leftovers
  readonly #unblockFile: string

  private constructor(
    app: AppProcess,
    ports: [number, number],
    gates: Gates,
    undo: Leftovers,
    rest: { unblockFile: string; secure: boolean },
  ) {
    this.app = app
    this.port = ports[0]
    this.secondPort = ports[1]
    this.gates = gates
    this.tls = rest.secure ? { ca } : undefined
    this.#undo = undo
    this.#unblockFile = rest.unblockFile
  }

  /** Resolves when it listens. */
  static async start(
    undo: Leftovers,
    framework: Framework,
    settings: DrainSettings = {},
  ): Promise<DrainSite> {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const gates = await openGates(undo)
    const ports: [number, number] = [await freePort(), await freePort()]
    const { protocol, second, options, ...rest } = settings
    const deployFile = path.join(folder, 'deploy.json')
    const unblockFile = path.join(folder, 'unblock')
    const secure = protocol === 'https'
    const deploy = {
      ...rest,
      version: '1',
      port: ports[0],
      ...(second && { secondPort: ports[1] }),
      gatePort: gates.port,
      unblockFile,
      tls: secure,
      options: { ...patient, ...options },
    }
    writeFileSync(deployFile, JSON.stringify(deploy))
    const file = path.join(fixtures, 'drain', `${framework}.mjs`)
    const app = await startApp({ file, env: { ZERODROP_TEST_DEPLOY: deployFile } })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    return new DrainSite(app, ports, gates, undo, { unblockFile, secure })
  }

  async connect(to: Partial<ConnectOptions> = {}): Promise<RawClient> {
    const client = await RawClient.connect({ port: this.port, ...(this.tls && { tls: this.tls }), ...to })
    this.#undo.add(() => client.destroy())
    return client
  }

  connectMany(count: number, to?: Partial<ConnectOptions>): Promise<RawClient[]> {
    return Promise.all(Array.from({ length: count }, () => this.connect(to)))
  }

  /** A way to it that takes 30 ms for a round trip; its port. */
  async distance(): Promise<number> {
    const proxy = await startDelayProxy({ targetPort: this.port, roundTrip: 30 })
    this.#undo.add(() => proxy.close())
    return proxy.port
  }

  /** Sends the signal and resolves when it drains. */
  async drain(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.app.signal(signal)
    await this.app.waitFor('draining')
  }

  /** Lets the event loop go on that `GET /block` holds. */
  unblock(): void {
    writeFileSync(this.#unblockFile, '')
  }
}

/** The hooks of the application that have run, in order. */
export function hooksOf(app: AppProcess): unknown[] {
  return app.lines.filter(({ event }) => event === 'hook').map(({ name }) => name)
}

/** The hooks that are to run over a drain: only Fastify has any. */
export function hooksRunBy(framework: Framework): string[] {
  return framework === 'fastify' ? ['preClose', 'onClose'] : []
}
