/** One application, which is installed and built once. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '@zerodrop/traffic'
import { Deployment } from './deployment.mjs'
import { guideOf } from './guides.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.join(here, '../../..')
const apps = path.join(here, '../apps')
/** What several applications have in common, copied beside the files of each that names it. */
const shared = path.join(here, '../shared')
// Not below a folder `node_modules`: bundlers leave what is there as it is.
const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'zerodrop-battery')

export function names() {
  return readdirSync(apps, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
}

export class Application {
  /** @param name that of its folder */
  constructor(name) {
    this.name = name
    this.source = path.join(apps, name)
    this.settings = JSON.parse(readFileSync(path.join(this.source, 'battery.json'), 'utf8'))
    this.manifest = JSON.parse(readFileSync(path.join(this.source, 'package.json'), 'utf8'))
  }

  /** The files that it has in common with others. */
  get shared() {
    return this.settings.shared ?? []
  }

  /** Installs and builds it, unless that has been done for what is in its folder. */
  prepare() {
    const hash = createHash('sha256')
    const { guide } = this.settings
    const code = guide && guideOf(guide.heading).code
    if (guide !== undefined) hash.update(code)
    for (const entry of readdirSync(this.source, { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        hash.update(entry.name).update(readFileSync(path.join(entry.parentPath, entry.name)))
    }
    for (const name of this.shared) hash.update(readFileSync(path.join(shared, name)))
    const folder = path.join(cache, `${this.name}-${hash.digest('hex').slice(0, 12)}`)
    this.folder = folder
    if (!existsSync(path.join(folder, '.ready'))) this.#install(code)
    this.#link()
  }

  #install(code) {
    const { folder } = this
    const { build, guide } = this.settings
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    cpSync(this.source, folder, { recursive: true })
    for (const name of this.shared) cpSync(path.join(shared, name), path.join(folder, name))
    if (guide !== undefined) {
      const file = path.join(folder, guide.file)
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, code)
    }
    run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'], folder)
    if (build !== undefined) run('npx', build, folder)
    writeFileSync(path.join(folder, '.ready'), '')
  }

  /** Where it is started. */
  get directory() {
    return path.join(this.folder, this.settings.cwd ?? '.')
  }

  /** Lets it find the packages of this clone: another one may have installed it. */
  #link() {
    const scope = path.join(this.directory, 'node_modules/@zerodrop')
    mkdirSync(scope, { recursive: true })
    for (const name of ['core', 'fastify']) {
      rmSync(path.join(scope, name), { recursive: true, force: true })
      symlinkSync(path.join(root, 'packages', name), path.join(scope, name))
    }
  }

  /** The versions that its package.json pins. */
  get versions() {
    return (this.settings.versions ?? Object.keys(this.manifest.dependencies ?? {})).map(
      (name) => `${name} ${this.manifest.dependencies[name]}`,
    )
  }

  /** @param zerodrop whether it is started with the preload; an application with the plugin has it in its own code */
  async deploy(zerodrop) {
    const port = await freePort()
    return new Deployment(this, port, zerodrop)
  }
}

function run(command, args, cwd) {
  // By the same Node that runs the battery.
  const env = {
    ...process.env,
    PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`,
  }
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed in ${cwd}:\n${stdout}\n${stderr}`)
}
