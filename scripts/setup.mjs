/**
 * Makes a clone ready to run: installs what package-lock.json says, unless that is what is installed, and builds the
 * packages (not with --install-only). Uses nothing but Node, because it is what runs before anything is installed.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

export async function setup({ installOnly = false } = {}) {
  if (!isInstalled()) install()
  if (installOnly) return
  const { build } = await import('./build.mjs')
  build()
}

/** npm records what it installed in the same form as the lock file, less what this platform does not need. */
function isInstalled() {
  const installed = packagesIn(join('node_modules', '.package-lock.json'))
  if (installed === undefined) return false
  const { '': _root, ...wanted } = packagesIn('package-lock.json') ?? {}
  const isAsWanted = ([path, entry]) =>
    path in installed ? JSON.stringify(installed[path]) === JSON.stringify(entry) : entry.optional === true
  return Object.entries(wanted).every(isAsWanted) && Object.keys(installed).every((path) => path in wanted)
}

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return undefined
  }
}

function install() {
  console.error('Installing dependencies (npm ci --ignore-scripts) ...')
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  // On Windows npm is a .cmd file, which only a shell can start.
  const shell = process.platform === 'win32'
  const { status, error } = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell })
  if (status !== 0) throw new Error('npm ci failed', { cause: error })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup({ installOnly: process.argv.includes('--install-only') })
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
