/**
 * Prepares a release, and publishes it.
 *
 *     npm run release -- 1.0.0-rc.1              # sets the version everywhere and dates the changelog; commit that
 *     npm run release -- --publish --dry-run     # shows what npm would publish
 *     npm run release -- --publish               # publishes every public package, in dependency order
 *
 * All packages have one version. With `--publish` in a CI job that may write id-tokens, npm attaches provenance. A version
 * with a hyphen is published under the tag `next`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { publicPackages } from './build.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { publish: { type: 'boolean', default: false }, 'dry-run': { type: 'boolean', default: false } },
})

if (values.publish) publish()
else prepare(positionals[0])

function prepare(version) {
  if (version === undefined || !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
    throw new Error('Give the version to release, such as 1.0.0-rc.1.')
  const manifests = ['packages', 'examples', '.'].flatMap(manifestsIn)
  for (const file of manifests) setVersion(file, version)
  const changelog = join(root, 'CHANGELOG.md')
  const text = readFileSync(changelog, 'utf8')
  const date = new Date().toISOString().slice(0, 10)
  writeFileSync(changelog, text.replace(/^## Unreleased$/m, `## Unreleased\n\n## ${version} (${date})`))
  npm(['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'])
  console.log(
    `Set ${version} in ${manifests.length} manifests. Run "npm run check", commit, tag, and publish.`,
  )
}

/** The package.json of each folder, and the benchmarks' for '.'. */
function manifestsIn(folder) {
  const names = folder === '.' ? ['benchmarks'] : readdirSync(join(root, folder))
  return names.map((name) => join(root, folder, name, 'package.json')).filter((file) => existsSync(file))
}

function setVersion(file, version) {
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  const isOurs = (name) => name === 'zerodrop' || name.startsWith('@zerodrop/')
  if (isOurs(manifest.name)) manifest.version = version
  for (const kind of ['dependencies', 'devDependencies', 'peerDependencies'])
    for (const name of Object.keys(manifest[kind] ?? {}))
      if (isOurs(name) && /^\d/.test(manifest[kind][name])) manifest[kind][name] = version
  writeFileSync(file, `${JSON.stringify(manifest, undefined, 2)}\n`)
}

function publish() {
  const status = execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })
  if (status !== '' && !values['dry-run']) throw new Error('Commit first: the working tree has changes.')
  for (const name of publicPackages) {
    const { version } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
    const provenance = process.env.ACTIONS_ID_TOKEN_REQUEST_URL === undefined ? [] : ['--provenance']
    const dryRun = values['dry-run'] ? ['--dry-run'] : []
    const tag = version.includes('-') ? 'next' : 'latest'
    npm([
      'publish',
      '--workspace',
      `packages/${name}`,
      '--access',
      'public',
      '--tag',
      tag,
      ...provenance,
      ...dryRun,
    ])
  }
}

function npm(args) {
  const path = process.env.npm_execpath
  if (path === undefined) execFileSync('npm', args, { cwd: root, stdio: 'inherit' })
  else execFileSync(process.execPath, [path, ...args], { cwd: root, stdio: 'inherit' })
}
