import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { LifecycleOptions } from '@zerodrop/core'
import { freePort, Inbox, type Leftovers, RawClient } from '@zerodrop/traffic'
import { familyOf } from '../../src/process-table.ts'
import { openGates } from './gates.ts'
import type { Gates } from './gates.ts'

export const gatedServer = path.join(__dirname, '../../fixtures/signals/gated.mjs')

/** A line of JSON that the host or the server printed. */
export interface Line {
  event: string
  pid?: number
  status?: number
  code?: string
}

export interface Hosted {
  host: ChildProcess
  port: number
  gates: Gates
  /** The next event of this name, of those not taken yet. */
  heard: (event: string) => Promise<Line>
  /** The pid of the server, as seen from here, if the host has started nothing else. */
  serverPid: () => number
  connect: () => Promise<RawClient>
}

/**
 * Runs the gated server under something that hosts it, such as a terminal or npm, and resolves when it listens.
 * @param command what to run; told of the deploy by the environment
 */
export async function startHosted(
  undo: Leftovers,
  command: readonly string[],
  settings: {
    options?: LifecycleOptions
    env?: NodeJS.ProcessEnv
    cwd?: string
    ipc?: boolean
    listeners?: readonly number[]
    port?: number
  } = {},
): Promise<Hosted> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(folder, { recursive: true }))
  const gates = await openGates(undo)
  const port = settings.port ?? (await freePort())
  const deployFile = path.join(folder, 'deploy.json')
  const patient = { drainTimeout: 20_000, lingerTimeout: 20_000, firstRequestTimeout: 20_000 }
  const options = { ...patient, ...settings.options }
  writeFileSync(deployFile, JSON.stringify({ version: '1', port, gatePort: gates.port, options }))
  // By what they inherit all processes are found, those with another idea of their pid too.
  const marker = `ZERODROP_TEST_APP=${randomUUID()}`
  const family = (): number[] => familyOf(marker).map(({ pid }) => pid)
  const [file, ...args] = command
  const extra = settings.ipc === true ? (['ipc'] as const) : (settings.listeners ?? [])
  const host = spawn(file!, args, {
    cwd: settings.cwd,
    env: {
      ...environment(),
      ZERODROP_TEST_DEPLOY: deployFile,
      ZERODROP_TEST_APP: marker.split('=')[1],
      ...settings.env,
    },
    stdio: ['pipe', 'pipe', 'inherit', ...extra],
  })
  undo.add(() => {
    host.kill('SIGKILL')
    for (const pid of family()) endProcess(pid)
  })
  const inboxes = new Map<string, Inbox<Line>>()
  const inbox = (event: string): Inbox<Line> => {
    const known = inboxes.get(event) ?? new Inbox<Line>()
    inboxes.set(event, known)
    return known
  }
  createInterface({ input: host.stdout! }).on('line', (text) => {
    if (!text.startsWith('{')) return
    const line = JSON.parse(text) as Line
    inbox(line.event).push(line)
  })
  const heard = (event: string): Promise<Line> => inbox(event).take()
  await Promise.race([heard('listening'), failure(host)])
  return {
    host,
    port,
    gates,
    heard,
    serverPid: () => family().find((pid) => pid !== host.pid) ?? host.pid!,
    async connect() {
      const client = await RawClient.connect({ port })
      undo.add(() => client.destroy())
      return client
    },
  }
}

async function failure(host: ChildProcess): Promise<never> {
  const [code] = (await once(host, 'exit')) as [number | null]
  throw new Error(`the host ended with ${code} before the server listened`)
}

/** Without what jest and npm put there. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_ENV|NODE_OPTIONS|NODE_CHANNEL|JEST_)/i.test(name),
  )
  return Object.fromEntries(kept)
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone, as it should be.
  }
}
