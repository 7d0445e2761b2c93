/**
 * Compiles the packages into their `dist` folders, in dependency order. What has not changed is not built again, so
 * every script that needs the packages may simply call this first.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** The folders below `packages/` that are compiled, with their manifests; a package comes after those that it needs. */
const manifests = inOrder(
  readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'tsconfig.build.json')))
    .map((name) => [name, JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))]),
)
const packages = manifests.map(([name]) => name)

export const publicPackages = manifests
  .filter(([, manifest]) => manifest.private !== true)
  .map(([name]) => name)

export function build() {
  const fingerprint = createHash('sha256')
  addFile(fingerprint, 'tsconfig.base.json')
  addFile(fingerprint, 'package-lock.json')
  addFile(fingerprint, join('scripts', 'build.mjs'))
  for (const name of packages) {
    const folder = join('packages', name)
    addFile(fingerprint, join(folder, 'package.json'))
    addFile(fingerprint, join(folder, 'tsconfig.build.json'))
    for (const file of sourceFiles(join(folder, 'src'))) addFile(fingerprint, file)
    // Also covers every package before this one: a later package is compiled against the sources of the earlier.
    buildPackage(name, fingerprint.copy().digest('hex'))
  }
}

function buildPackage(name, digest) {
  const folder = join(root, 'packages', name)
  const dist = join(folder, 'dist')
  // Beside `dist`, and not in node_modules: a copy of that must not vouch for a `dist` that was not copied.
  const stamp = join(folder, '.dist-stamp')
  if (existsSync(dist) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return

  // Compiled beside `dist` and moved in whole: a failed build leaves the last good one, and a process that imports
  // the package meanwhile never sees half of it.
  const fresh = join(folder, `.dist-${process.pid}`)
  const old = `${fresh}-old`
  try {
    compile(join(folder, 'tsconfig.build.json'), fresh)
    if (name === 'cli') bundleTraffic(folder, fresh)
    if (name === 'core') bundleCore(folder, fresh)
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(fresh, dist)
    writeFileSync(stamp, digest)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
    rmSync(old, { recursive: true, force: true })
  }
}

function compile(project, outDir) {
  const require = createRequire(import.meta.url)
  const manifest = require.resolve('typescript/package.json')
  const tsc = join(dirname(manifest), require(manifest).bin.tsc)
  const { status } = spawnSync(process.execPath, [tsc, '-p', project, '--outDir', outDir], {
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error(`tsc -p ${project} failed`)
}

/**
 * Puts the clients of the private package @zerodrop/traffic into the one file of the CLI that exports them: no user of
 * it has to install that package, nor the histograms which the CLI does not use.
 */
function bundleTraffic(folder, outDir) {
  const { buildSync } = createRequire(import.meta.url)('esbuild')
  const door = join('verify', 'traffic')
  buildSync({
    entryPoints: [resolve(root, folder, 'src', `${door}.ts`)],
    outfile: join(outDir, `${door}.js`),
    allowOverwrite: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@zerodrop/source'],
    external: ['hdr-histogram-js'],
    sourcemap: true,
  })
}

/**
 * Makes one file of each entry point of the core, and takes away the files that it was. A server's first `listen()` loads
 * the core, and a successor its preload: 200 files would take three times as long.
 */
function bundleCore(folder, outDir) {
  const { buildSync } = createRequire(import.meta.url)('esbuild')
  const bundle = (options) =>
    buildSync({
      absWorkingDir: folder,
      outbase: 'src',
      outdir: outDir,
      allowOverwrite: true,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      conditions: ['@zerodrop/source'],
      external: ['./core.js', '../register.js', 'yocto-spinner'],
      sourcemap: true,
      // The sources are in the package, beside `dist`.
      sourcesContent: false,
      logLevel: 'warning',
      ...options,
    })
  const alone = ['system/preload', 'keeper/run', 'keeper/adopt']
  bundle({ entryPoints: alone.map((name) => `./src/${name}.ts`) })
  // The files that they were are in this folder, and find others by it. A bundle of an application has none.
  const inSystem = (head, folder) => ({
    define: { __dirname: 'systemFolder' },
    banner: { js: `${head}\nconst systemFolder = ${folder}` },
  })
  bundle({
    entryPoints: ['./src/core.ts', './src/register.ts'],
    ...inSystem("'use strict'", "typeof __dirname === 'string' ? `${__dirname}/system` : undefined"),
  })
  bundle({
    entryPoints: ['./src/register.ts'],
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    ...inSystem(
      "const require = (id) => process.getBuiltinModule('node:module').createRequire(import.meta.url)(id)",
      '`${import.meta.dirname}/system`',
    ),
  })
  for (const name of ['core', 'register']) loadBuiltinsLate(join(outDir, `${name}.js`))
  writeFileSync(join(outDir, 'index.js'), index(publicNames(bundle)))
  const bundles = ['core', 'register', ...alone].flatMap((name) => [`${name}.js`, `${name}.js.map`])
  const entries = new Set(['index.js', ...bundles].map((name) => join(outDir, name)))
  for (const name of readdirSync(outDir, { recursive: true })) {
    const file = join(outDir, name)
    if (/\.js(?:\.map)?$/.test(name) && !entries.has(file)) rmSync(file)
  }
}

/**
 * Lets modules of Node that not every server needs load when they are first used: they are part of the binary. The others
 * are not copied name by name, as esbuild does for `import path from 'node:path'`. No line moves, for the source map.
 */
function loadBuiltinsLate(file) {
  const late = /^node:(?:child_process|cluster|crypto|tls|tty|v8|worker_threads)$/
  const helpers = `
const late = (load, builtin) => new Proxy({}, { get: (_, name) => ((builtin ??= load()), name === 'default' ? builtin : builtin[name]) })
const whole = (builtin) => ({ __proto__: builtin, default: builtin })`.replaceAll('\n', ';')
  const imported = /^var (import_node_\w+) = (__toESM\()?require\("(node:[\w/]+)"\)\)?;$/gm
  const code = readFileSync(file, 'utf8')
    .replace(imported, (line, name, isWhole, builtin) => {
      if (late.test(builtin)) return `var ${name} = late(() => require("${builtin}"));`
      return isWhole ? `var ${name} = whole(require("${builtin}"));` : line
    })
    .replace("'use strict'", `'use strict'${helpers}`)
  writeFileSync(file, code)
}

/** In the form in which Node finds the names of a CommonJS module for `import`. */
function index(names) {
  const head = [
    "'use strict'",
    "Object.defineProperty(exports, '__esModule', { value: true })",
    "const core = require('./core.js')",
  ]
  return [...head, ...names.map((name) => `exports.${name} = core.${name}`), ''].join('\n')
}

function publicNames(bundle) {
  const { metafile } = bundle({
    entryPoints: ['./src/index.ts'],
    format: 'esm',
    metafile: true,
    sourcemap: false,
    write: false,
  })
  return Object.values(metafile.outputs)[0].exports
}

function inOrder(all) {
  const needs = ([, { dependencies, devDependencies }]) =>
    Object.keys({ ...dependencies, ...devDependencies })
  const seen = new Set()
  const ordered = []
  const add = (entry) => {
    if (seen.has(entry)) return
    seen.add(entry)
    for (const name of needs(entry)) all.filter(([, manifest]) => manifest.name === name).forEach(add)
    ordered.push(entry)
  }
  all.forEach(add)
  return ordered
}

function sourceFiles(folder) {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()
}

function addFile(fingerprint, file) {
  const content = readFileSync(join(root, file))
  fingerprint.update(`${file}\0${content.length}\0`).update(content)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    build()
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
