/** Runs a script of the conformance package, from a fresh clone too. Arguments and exit code are the script's own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setup } from './setup.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

export async function runBuilt(name) {
  await setup()
  const script = join(root, 'packages', 'conformance', 'dist', name)
  const child = spawn(process.execPath, [script, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' })
  // Ctrl-C reaches the script by itself; this process only has to outlive it. SIGTERM has to be passed on.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  const [code, signal] = await once(child, 'exit')
  process.exitCode = code ?? 128 + constants.signals[signal]
}
