import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { leftovers } from '@zerodrop/traffic'
import type { Report } from '../../../src/verify/report.ts'

export const undo = leftovers()

export const bin = path.join(__dirname, '../../../dist/main.js')
export const fixture = (name: string): string => path.join(__dirname, '../fixtures', name)

// It reads /proc.
export const describeLinux = process.platform === 'linux' ? describe : describe.skip

/** The flags that name the routes of the fixtures. */
export const routes = JSON.parse(readFileSync(fixture('route-flags.json'), 'utf8')) as string[]

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export async function verify(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [bin, 'verify', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  undo.add(() => child.kill('SIGTERM'))
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, ...said }
}

/** The verdict on each situation. */
export function verdicts({ stdout }: Ended): Record<string, string> {
  const { situations } = JSON.parse(stdout) as Report
  return Object.fromEntries(situations.map(({ name, verdict }) => [name, verdict]))
}

/** Answers only where neither CI nor TEST is set. */
export const environmentServer = `require('http').createServer((request, response) => {
  response.statusCode = process.env.CI || process.env.TEST ? 500 : 200
  response.end()
}).listen(process.env.PORT, '127.0.0.1')`

/** The pids of the processes that have this entry in their environment. */
export function runningWith(entry: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(entry)
    } catch {
      return false
    }
  })
}

/** Runs verify, and checks that nothing that it has started is left. */
export async function verifyCleanly(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const mark = randomUUID()
  const ended = await verify(args, { ...env, ZERODROP_TEST: mark })
  expect(runningWith(`ZERODROP_TEST=${mark}`)).toEqual([])
  return ended
}

/** Behind two dashes: a server of fixtures/unusual.mjs. */
export const unusual = (...words: string[]): string[] => [
  '--',
  process.execPath,
  fixture('unusual.mjs'),
  ...words,
]
