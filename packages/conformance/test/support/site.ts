import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { LifecycleOptions } from '@zerodrop/core'
import { startApp } from '../../src/app-process.ts'
import type { AppOptions, AppProcess } from '../../src/app-process.ts'
import { freePort, type Leftovers, RawClient, type RawResponse } from '@zerodrop/traffic'
import { openGates } from './gates.ts'
import type { Gates } from './gates.ts'

/** Every adapter with every major of its framework that it supports; the older majors through `require`. */
export const targets: [name: string, fixture: string][] = [
  ['express 5', 'express.mjs'],
  ['express 4', 'express4.cjs'],
  ['koa 3', 'koa.mjs'],
  ['koa 2', 'koa2.cjs'],
  ['fastify 5', 'fastify.mjs'],
  ['fastify 4', 'fastify4.cjs'],
  ['hono 4', 'hono.mjs'],
  ['node:http', 'http.mjs'],
]

// Windows has no signals that a process could handle.
export const describePosix = process.platform === 'win32' ? describe.skip : describe

export type Fault =
  | 'throws'
  | 'exits'
  | 'prints-and-exits'
  | 'prints-and-throws'
  | 'out-of-memory'
  | 'spins'
  | 'blocks-once'
  | 'blocks-for-ever'
  | 'never-listens'
  | 'says-ready-and-never-listens'
  | 'listens-on-nothing'
  | 'dies-when-ready'
  | 'dies-while-taking'
  | 'boots-at-a-gate'

/** What is special about a site; goes to every generation. */
export interface SiteSettings {
  /** Each generation starts a child first thing, and says in 'booted' what both of them see of the handover. */
  probe?: boolean
  /** Adds two hooks of each kind, which say 'hook'; the first of them behaves like this. */
  hooks?: 'succeed' | 'throw' | 'hang' | 'gate'
  /** Each generation pauses after it has printed 'draining', until the site is unblocked. */
  blocksAtDrain?: boolean
  /** Each generation says 'exiting' when zerodrop is about to end it, and does nothing more until the site is unblocked. */
  blocksAtExit?: boolean
  /** How the first generation is started. */
  start?: Pick<AppOptions, 'args' | 'execArgv' | 'execPath' | 'cwd' | 'env'>
}

/** Who answered: what `GET /` says. */
export interface Identity {
  version: string
  pid: number
  generation: number
}

/** Long enough that a test which passes never waits for one of them. */
const patient: LifecycleOptions = { drainTimeout: 20_000, lingerTimeout: 20_000, firstRequestTimeout: 20_000 }

/** A server under test, with all that is needed to use it, to deploy it again and to hold its answers back. */
export class Site {
  readonly app: AppProcess
  readonly port: number
  readonly gates: Gates
  readonly #undo: Leftovers
  readonly #deploy: (version: string, fault?: Fault) => void
  readonly #unblockFile: string

  private constructor(
    app: AppProcess,
    port: number,
    gates: Gates,
    undo: Leftovers,
    deploy: Site['deploy'],
    unblockFile: string,
  ) {
    this.app = app
    this.port = port
    this.gates = gates
    this.#undo = undo
    this.#deploy = deploy
    this.#unblockFile = unblockFile
  }

  /**
   * Starts version '1' and resolves when it listens.
   * @param fixture its script; a relative path starts from the fixtures, or from the `cwd` it is given
   */
  static async start(
    undo: Leftovers,
    fixture: string,
    options: LifecycleOptions = {},
    { start = {}, ...settings }: SiteSettings = {},
  ): Promise<Site> {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const gates = await openGates(undo)
    const port = await freePort()
    const deployFile = path.join(folder, 'deploy.json')
    const unblockFile = path.join(folder, 'unblock')
    const fixed = {
      port,
      gatePort: gates.port,
      unblockFile,
      options: { ...patient, ...options },
      ...settings,
    }
    const deploy = (version: string, fault?: Fault): void => {
      // In one step: a successor may be reading it.
      writeFileSync(`${deployFile}.next`, JSON.stringify({ ...fixed, version, fault }))
      renameSync(`${deployFile}.next`, deployFile)
    }
    deploy('1')
    const file = start.cwd === undefined ? path.resolve(__dirname, '../../fixtures', fixture) : fixture
    const app = await startApp({ ...start, file, env: { ...start.env, ZERODROP_TEST_DEPLOY: deployFile } })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    return new Site(app, port, gates, undo, deploy, unblockFile)
  }

  /** Says what the next generation will be. */
  deploy(version: string, fault?: Fault): void {
    this.#deploy(version, fault)
  }

  async connect(port: number = this.port): Promise<RawClient> {
    const client = await RawClient.connect({ port })
    this.#undo.add(() => client.destroy())
    return client
  }

  connectMany(count: number, port?: number): Promise<RawClient[]> {
    return Promise.all(Array.from({ length: count }, () => this.connect(port)))
  }

  /** Sends the signal to a serving process and resolves when it drains. */
  async drain(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const from = this.app.lines.length
    this.app.signal(signal)
    await this.app.waitFor('draining', { from })
  }

  /** Restarts, and resolves when the successor listens and the predecessor has begun to hand over to it. */
  async restart(signal: NodeJS.Signals = 'SIGHUP'): Promise<{ before: number; after: number }> {
    const from = this.app.lines.length
    const before = this.app.signal(signal)
    const { pid } = await this.app.waitFor('listening', { from })
    await this.app.waitFor('handing-over', { from })
    return { before, after: pid as number }
  }

  /** Lets the event loop go on that `GET /block` holds. */
  unblock(): void {
    writeFileSync(this.#unblockFile, '')
  }
}

/** What stderr holds when nothing but restarts has happened, and each has succeeded and cut nothing. */
export const restartsOnly: RegExp =
  /^(\[zerodrop\] pid \d+: handed over to generation \d+ \(pid \d+\) in \d+ ms: \d+ connections? moved, 0 cut\n)*$/

export function identityOf(response: RawResponse): Identity {
  return JSON.parse(response.body.toString()) as Identity
}
