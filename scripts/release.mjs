/**
 * Prepares a release with changesets, and publishes it.
 *
 *     npm run release                # uses up .changeset/*.md: sets the version everywhere, dates the changelog; commit that
 *     npm run release -- --dry-run   # shows what npm would publish, and changes nothing
 *     npm run release -- --publish   # publishes every public package, in dependency order
 *
 * All packages have one version. With `--publish` in a CI job that may write id-tokens, npm attaches provenance. It compares
 * the `repository` of each package with the job's, so the first command sets that field from the remote `origin`. A
 * version with a hyphen is published under the tag `next`. Works in a fresh clone: what is packed is built first.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { publicPackages } from './build.mjs'
import { setup } from './setup.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { values } = parseArgs({
  options: { publish: { type: 'boolean', default: false }, 'dry-run': { type: 'boolean', default: false } },
})

if (values.publish || values['dry-run']) await publish()
else prepare()

function prepare() {
  const before = versionOf('core')
  npm(['run', 'changeset', '--', 'version'])
  const version = versionOf('core')
  if (version === before)
    throw new Error(
      'No changeset says that there is anything to release: write one with "npm run changeset".',
    )
  setRepository()
  const changelog = join(root, 'CHANGELOG.md')
  const text = readFileSync(changelog, 'utf8')
  const date = new Date().toISOString().slice(0, 10)
  writeFileSync(changelog, text.replace(/^## Unreleased$/m, `## Unreleased\n\n## ${version} (${date})`))
  npm(['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'])
  // changesets writes JSON in a form of its own.
  npm(['run', 'format'])
  console.log(`Set ${version}. Run "npm run check", commit, tag, and publish.`)
}

function versionOf(name) {
  return manifestOf(name).version
}

function manifestOf(name) {
  return JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
}

function setRepository() {
  const url = remote()
  if (url === undefined) {
    console.error('There is no remote "origin" on the web, so the packages get no "repository".')
    return
  }
  for (const name of publicPackages) {
    const { name: published, version, ...rest } = manifestOf(name)
    const repository = { type: 'git', url: `git+${url}.git`, directory: `packages/${name}` }
    const manifest = { name: published, version, ...rest, repository }
    writeFileSync(join(root, 'packages', name, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  }
}

/** The address of the remote `origin`, as a browser would open it. */
function remote() {
  const { stdout } = spawnSync('git', ['remote', 'get-url', 'origin'], { cwd: root, encoding: 'utf8' })
  // The form of scp, such as git@github.com:owner/name.git, is no URL.
  const text = stdout.trim().replace(/^[^@/]+@([^:/]+):(?!\/\/)/, 'ssh://$1/')
  if (!URL.canParse(text)) return undefined
  // Without the user, who may be a token, and without the port of ssh.
  const { protocol, host, hostname, pathname } = new URL(text)
  const path = pathname.replace(/(?:\.git)?\/?$/, '')
  if (protocol === 'https:') return `https://${host}${path}`
  return protocol === 'ssh:' ? `https://${hostname}${path}` : undefined
}

async function publish() {
  await setup()
  const status = execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })
  if (status !== '' && !values['dry-run']) throw new Error('Commit first: the working tree has changes.')
  for (const name of publicPackages) {
    const version = versionOf(name)
    const provenance = process.env.ACTIONS_ID_TOKEN_REQUEST_URL === undefined ? [] : ['--provenance']
    if (provenance.length > 0 && manifestOf(name).repository === undefined)
      throw new Error(`packages/${name} has no "repository", which npm needs for provenance.`)
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
