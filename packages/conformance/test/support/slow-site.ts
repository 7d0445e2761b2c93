import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { LifecycleOptions } from '@zerodrop/core'
import { startApp } from '../../src/app-process.ts'
import type { AppProcess } from '../../src/app-process.ts'
import { freePort, type Leftovers } from '@zerodrop/traffic'
import { openGates } from './gates.ts'
import type { Gates, Visit } from './gates.ts'

/** A server under test with a health port, which listens and is ready only when the test lets it. */
export class SlowSite {
  readonly app: AppProcess
  readonly port: number
  readonly healthPort: number
  readonly gates: Gates
  readonly #listens: Visit
  #readies: Visit | undefined

  private constructor(app: AppProcess, ports: [number, number], gates: Gates, listens: Visit) {
    this.app = app
    this.port = ports[0]
    this.healthPort = ports[1]
    this.gates = gates
    this.#listens = listens
  }

  /** Resolves when it is configured, and waits to be let listen. */
  static async start(
    undo: Leftovers,
    options: LifecycleOptions = {},
    healthPort?: number,
  ): Promise<SlowSite> {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const gates = await openGates(undo)
    const port = await freePort()
    const probed = healthPort ?? (await freePort())
    const deployFile = path.join(folder, 'deploy.json')
    const health = { port: probed }
    const deploy = { version: '1', port, gatePort: gates.port, options: { ...options, health } }
    writeFileSync(deployFile, JSON.stringify(deploy))
    const file = path.join(__dirname, '../../fixtures/health.mjs')
    const app = await startApp({ file, env: { ZERODROP_TEST_DEPLOY: deployFile } })
    undo.add(() => app.stop())
    return new SlowSite(app, [port, probed], gates, await gates.visit())
  }

  /** Lets it listen, and resolves when it waits to be let be ready. */
  async listen(): Promise<void> {
    this.#listens.open()
    await this.app.waitFor('listening')
    this.#readies = await this.gates.visit()
  }

  /** Lets it be ready, and resolves when it is. */
  async becomeReady(): Promise<void> {
    this.#readies?.open()
    await this.app.waitFor('ready')
  }
}
