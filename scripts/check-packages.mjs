/** Checks what users of each public package would get: its manifest (publint), its types (attw), and what npm would pack. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, publicPackages } from './build.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const bin = (name) => join(root, 'node_modules', '.bin', name)

/** The most that a tarball may weigh, in kilobytes: some way above what it weighs, so that a stray file shows. */
const kilobytes = { core: 900, cli: 300, 'socket.io': 40 }
const kilobytesOfOthers = 12

/** What a package may depend on at run time, beside the packages of this repository. */
const dependencies = {
  fastify: ['fastify-plugin'],
  cli: ['cli-table3', 'commander', 'junit-xml', 'ws', 'yocto-spinner', 'yoctocolors'],
}

const packable = /^(?:package\.json|README\.md|LICENSE|(?:dist|src)\/.+)$/
const strayFile = /\.test\.|\.tsbuildinfo$|(?:^|\/)(?:test|fixtures)\//

build()
for (const name of publicPackages) {
  const folder = join(root, 'packages', name)
  run('publint', ['--strict', folder])
  run('attw', ['--pack', folder])
  checkTarball(name, pack(name))
  checkDependencies(name)
}

function run(command, args) {
  const { status } = spawnSync(bin(command), args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exitCode = 1
}

function pack(name) {
  const args = ['pack', '--dry-run', '--json', '--workspace', `packages/${name}`]
  const npm = process.env.npm_execpath
  const [command, all] = npm === undefined ? ['npm', args] : [process.execPath, [npm, ...args]]
  const { status, stdout, stderr } = spawnSync(command, all, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) throw new Error(`npm pack failed for ${name}:\n${stderr}`)
  return JSON.parse(stdout)[0]
}

function checkTarball(name, { size, files }) {
  const paths = files.map(({ path }) => path)
  const limit = kilobytes[name] ?? kilobytesOfOthers
  const stray = paths.filter((path) => !packable.test(path) || strayFile.test(path))
  const missing = ['LICENSE', 'README.md', 'package.json'].filter((path) => !paths.includes(path))
  if (stray.length > 0) fail(name, `packs files that nobody needs: ${stray.join(', ')}`)
  if (missing.length > 0) fail(name, `does not pack ${missing.join(', ')}`)
  if (size > limit * 1000) fail(name, `packs to ${Math.ceil(size / 1000)} kB, more than ${limit}`)
  console.log(`${name}: ${paths.length} files, ${Math.ceil(size / 1000)} kB packed (at most ${limit})`)
}

function checkDependencies(name) {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
  const allowed = new Set(['@zerodrop/core', ...(dependencies[name] ?? [])])
  const others = Object.keys(manifest.dependencies ?? {}).filter((each) => !allowed.has(each))
  if (others.length > 0) fail(name, `depends on ${others.join(', ')} at run time`)
  if (name === 'core' && manifest.dependencies !== undefined) fail(name, 'has dependencies')
}

function fail(name, text) {
  console.error(`packages/${name} ${text}.`)
  process.exitCode = 1
}
