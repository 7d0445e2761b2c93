/**
 * `npm run deploy-rounds [rounds]`: 200 rounds of releases that are deployed at random moments, after each of which the last
 * one must serve. The tests make a few of them.
 */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setup } from './setup.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [rounds = '200', ...others] = process.argv.slice(2)

if (/^[1-9]\d*$/.test(rounds) && others.length === 0) {
  await setup()
  const { status } = spawnSync(
    process.execPath,
    [join('node_modules', 'jest', 'bin', 'jest.js'), 'packages/conformance/test/deploy-rounds'],
    { cwd: root, stdio: 'inherit', env: { ...process.env, ZERODROP_ROUNDS: rounds } },
  )
  process.exitCode = status ?? 1
} else {
  console.error('Usage: npm run deploy-rounds -- [rounds], a whole number from 1 on; 200 without it')
  process.exitCode = 2
}
