import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { LifecycleOptions } from '@zerodrop/core'
import { freePort, type Leftovers, RawClient } from '@zerodrop/traffic'
import { type AppEvent, type AppProcess, startApp } from '../../src/app-process.ts'
import { H2Client } from './h2-client.ts'
import { identityOf } from './site.ts'

interface Deploy {
  failures: number
  /** Where it asks whether it may call `lifecycle.ready()`, with `manualReady`. */
  gatePort?: number
  options?: LifecycleOptions
}

/** Starts `fixtures/restart/asks-itself.mjs`. */
export async function startAsksItself(
  undo: Leftovers,
  framework: string,
  first: Deploy,
): Promise<{ app: AppProcess; deploy: (next: Deploy) => void; ask: () => Promise<object> }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(folder, { recursive: true }))
  const deployFile = path.join(folder, 'deploy.json')
  const deploy = (next: Deploy): void => writeFileSync(deployFile, JSON.stringify(next))
  deploy(first)
  const port = await freePort()
  const file = path.join(__dirname, '../../fixtures/restart/asks-itself.mjs')
  const app = await startApp({ file, args: [framework, String(port), deployFile] })
  undo.add(() => app.stop())
  const ask = async (): Promise<object> => {
    if (framework.startsWith('h2')) {
      const client = await H2Client.connect(undo, port, framework !== 'h2c')
      const { body } = await client.get('/')
      client.session.destroy()
      return JSON.parse(body) as object
    }
    const client = await RawClient.connect({
      port,
      ...(framework === 'https' && { tls: { rejectUnauthorized: false } }),
    })
    undo.add(() => client.destroy())
    return identityOf(await client.request())
  }
  return { app, deploy, ask }
}

/** How the restart to a successor fails that has asked itself: on a busy machine one may not have come so far in time. */
export async function failureOfOneThatAsked(app: AppProcess): Promise<AppEvent> {
  for (;;) {
    const from = app.lines.length
    app.signal('SIGHUP', app.pid)
    const failure = await app.waitFor('failed', { from })
    if (app.lines.slice(from).filter(({ event }) => event === 'asked').length > 1) return failure
  }
}

/** A successor that never answers what it asks itself fails the restart, and the last answer is named. */
export async function expectFailedRestart(undo: Leftovers, framework: string): Promise<void> {
  const { app, deploy, ask } = await startAsksItself(undo, framework, {
    failures: 0,
    options: { readyTimeout: 3000 },
  })
  await app.waitFor('ready')
  deploy({ failures: 1e9 })
  const { code, message } = await failureOfOneThatAsked(app)
  expect(code).toBe('ERR_ZERODROP_READY_TIMEOUT')
  expect(message).toContain('GET /check was answered with 500')
  await expect(ask()).resolves.toMatchObject({ pid: app.pid, generation: 1 })
}
