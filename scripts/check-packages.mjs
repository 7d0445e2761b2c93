/** Checks what users of each public package would get: its manifest (publint) and its types (attw). */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, publicPackages } from './build.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const bin = (name) => join(root, 'node_modules', '.bin', name)

build()
for (const name of publicPackages) {
  const folder = join(root, 'packages', name)
  run('publint', ['--strict', folder])
  run('attw', ['--pack', folder])
}

function run(command, args) {
  const { status } = spawnSync(bin(command), args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exitCode = 1
}
