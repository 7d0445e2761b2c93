import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, leftovers, type Leftovers, RawClient, startTraffic, type Traffic } from '@zerodrop/traffic'
import { type AppProcess, startApp } from '../app-process.ts'
import { repository } from '../repository.ts'
import type { Plan } from './plan.ts'
import { isKeeper, zombiesBelow } from './processes.ts'

export interface Trial {
  readonly plan: Plan
  readonly outcome: string
  /** The fault that the trial has found. */
  readonly fault?: string | undefined
}

/** A trial that has not come to rest by then has failed, in milliseconds. */
const stepTimeout = 40_000

const server = path.join(repository, 'packages/conformance/fixtures/keep-pid/server.mjs')
const cli = path.join(repository, 'packages/cli/dist/main.js')

export async function runTrial(plan: Plan, all: Leftovers): Promise<Trial> {
  const undo = leftovers()
  all.add(() => undo.disposeAll())
  try {
    return await new Rig(plan, await Rig.start(plan, undo)).run()
  } catch (error) {
    return { plan, outcome: 'a fault', fault: (error as Error).message }
  } finally {
    await undo.disposeAll()
  }
}

interface Parts {
  readonly app: AppProcess
  readonly port: number
  readonly traffic: Traffic
  readonly deploy: (version: number) => void
}

/** A server below a keeper, with clients. */
class Rig {
  readonly #plan: Plan
  readonly #parts: Parts
  #version = 1

  constructor(plan: Plan, parts: Parts) {
    this.#plan = plan
    this.#parts = parts
  }

  static async start({ way }: Plan, undo: Leftovers): Promise<Parts> {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const port = await freePort()
    const file = path.join(folder, 'deploy.json')
    const options = { drainTimeout: 5000, ...(way === 'lazy keeper' && { keepPid: true }) }
    const deploy = (version: number): void =>
      writeFileSync(file, JSON.stringify({ version: String(version), port, options }))
    deploy(1)
    const run = ['run', '--control', path.join(folder, 'control.sock'), server]
    const app = await startApp({
      ...(way === 'zerodrop run' ? { file: cli, args: run } : { file: server }),
      env: { ZERODROP_TEST_DEPLOY: file },
      cwd: folder,
    })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    const traffic = startTraffic({
      port,
      keepAliveClients: 5,
      connectionClients: 1,
      slowClients: 1,
      uploadClients: 0,
    })
    undo.add(() => void traffic.stop().catch(() => {}))
    return { app, port, traffic, deploy }
  }

  async run(): Promise<Trial> {
    const { victim, restarts, after } = this.#plan
    const { app, traffic } = this.#parts
    await traffic.after(20)
    for (let count = 0; count < restarts; count++) await this.#restart()
    const before = this.#serving
    if (after !== undefined) {
      this.#deploy()
      app.signal('SIGHUP', app.pid)
      await delay(after)
    }
    const isHandedOver = app.lines.some(({ event, pid }) => event === 'handing over' && pid === before)
    const pid = this.#pidOf(victim, before)
    if (pid === undefined)
      return { plan: this.#plan, outcome: 'nobody to kill: the restart was over, or had not begun' }
    const zombies = zombiesBelow(app.pid)
    if (zombies > 1) throw new Error(`the keeper has ${zombies} zombies`)
    process.kill(pid, 'SIGKILL')
    const rest = await this.#atRest()
    const report = traffic.snapshot()
    const when =
      after === undefined ? 'while it serves' : isHandedOver ? 'behind the hand-over' : 'before the hand-over'
    const outcome = `${when}: ${rest}`
    const fault =
      victim === 'successor' && !isHandedOver && report.lost > 0 ? `${report.lost} requests lost` : undefined
    if (rest === 'all ends') {
      const { code, signal } = await app.exited
      const expected = pid === app.pid ? 'SIGKILL' : 137
      const ended = signal ?? code
      const isRight = victim === 'successor' || ended === expected
      return {
        plan: this.#plan,
        outcome,
        fault: isRight ? fault : `it ended with ${ended}, not ${expected}\n${app.stderr}`,
      }
    }
    await this.#restart()
    app.signal('SIGTERM', this.#known)
    await this.#until('it has ended', () => app.family().length === 0)
    return { plan: this.#plan, outcome: `${outcome}, restarts and stops`, fault }
  }

  /** The process that operators signal: the keeper, or the serving generation. */
  get #known(): number {
    return this.#parts.app.family().find(isKeeper) ?? this.#serving
  }

  get #serving(): number {
    const { app } = this.#parts
    return (
      app.lines.findLast(({ event, pid = 0 }) => event === 'listening' && app.isAlive(pid))?.pid ?? app.pid
    )
  }

  get #generations(): number[] {
    return this.#parts.app.family().filter((pid) => !isKeeper(pid))
  }

  #pidOf(victim: Plan['victim'], before: number): number | undefined {
    const { app } = this.#parts
    // A process that will become the keeper counts as the keeper.
    if (victim === 'keeper') return app.pid
    if (victim === 'serving generation') return app.isAlive(before) ? before : undefined
    return this.#generations.find((pid) => pid !== before && pid !== app.pid)
  }

  #deploy(): void {
    this.#parts.deploy(++this.#version)
  }

  async #restart(): Promise<void> {
    const { app } = this.#parts
    this.#deploy()
    const version = String(this.#version)
    const from = app.lines.length
    const known = this.#known
    const becomesKeeper = !isKeeper(known)
    app.signal('SIGHUP', known)
    await this.#until(
      `version ${version} serves`,
      async () => this.#isWhole && (await this.#asked()) === version,
    )
    // Before, a second signal would end it: docs/environments.md.
    if (becomesKeeper) await app.waitFor('keeper', { from })
  }

  /** One generation, and its keeper if that lives. */
  get #isWhole(): boolean {
    return this.#generations.length === 1
  }

  async #atRest(): Promise<'all ends' | 'it serves'> {
    const { app } = this.#parts
    let serves = 0
    await this.#until('it is at rest', async () => {
      if (app.family().length === 0) return true
      const isAnswered = this.#isWhole && (await this.#asked()) !== undefined
      serves = isAnswered ? serves + 1 : 0
      // A generation that still answers may be about to end.
      return serves === 20
    })
    return app.family().length === 0 ? 'all ends' : 'it serves'
  }

  /** The version that answers; undefined if none does. */
  async #asked(): Promise<string | undefined> {
    try {
      const client = await RawClient.connect({ port: this.#parts.port })
      const { body } = await client.request({ path: '/', headers: { connection: 'close' } })
      client.destroy()
      return (JSON.parse(body.toString()) as { version: string }).version
    } catch {
      return undefined
    }
  }

  async #until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
    const { app } = this.#parts
    const deadline = performance.now() + stepTimeout
    while (!(await check())) {
      if (performance.now() > deadline)
        throw new Error(
          `${JSON.stringify(this.#plan)}: not within ${stepTimeout} ms: ${what}; ${this.#generations.length} generations, the first process ${app.isAlive(app.pid) ? 'lives' : 'is gone'}\n${app.stderr}`,
        )
      await delay(50)
    }
  }
}
