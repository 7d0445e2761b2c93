/**
 * Builds the docs as a site: `npm run docs:build`. A dead link fails the build. The pages are the ones that GitHub shows;
 * this copies them into one folder and maps the links between them, since a site has no folders above its root.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const site = dirname(fileURLToPath(import.meta.url))
const root = join(site, '..')
const pagesFolder = join(site, 'pages')

/** The file of each page in the repository, and its name in the site. */
const pages = new Map([
  ['README.md', 'index.md'],
  ['CHANGELOG.md', 'changelog.md'],
  ['CONTRIBUTING.md', 'contributing.md'],
  ['benchmarks/README.md', 'benchmarking.md'],
  ['examples/README.md', 'examples.md'],
  ['packages/cli/README.md', 'cli.md'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => [`docs/${name}`, name]),
])

/** Links to what is not in the repository. VitePress would not see them: they are mapped before it runs. */
const dead = []

install()
copyPages()
for (const link of dead) console.error(`Dead link: ${link}`)
process.exitCode = dead.length > 0 ? 1 : vitepress()

function install() {
  if (existsSync(join(site, 'node_modules/vitepress'))) return
  const npm = process.env.npm_execpath
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const options = { cwd: site, stdio: 'inherit' }
  const { status } = npm
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, options)
  if (status !== 0) process.exit(1)
}

function copyPages() {
  rmSync(pagesFolder, { recursive: true, force: true })
  mkdirSync(pagesFolder)
  cpSync(join(site, '.vitepress'), join(pagesFolder, '.vitepress'), { recursive: true })
  if (existsSync(join(root, 'docs/images')))
    cpSync(join(root, 'docs/images'), join(pagesFolder, 'images'), { recursive: true })
  for (const [file, name] of pages) {
    const text = readFileSync(join(root, file), 'utf8')
    writeFileSync(join(pagesFolder, name), mapLinks(text, file))
  }
}

/** Points links at the pages of the site. A link to a folder or file that is no page becomes its path. */
function mapLinks(text, from) {
  return text
    .split(/(^```[^]*?^```$)/m)
    .map((part, index) => (index % 2 === 1 ? part : mapLinksOfProse(part, from)))
    .join('')
}

function mapLinksOfProse(text, from) {
  return text.replaceAll(/(!?)\[([^\]]*)\]\(([^)\s]+)\)/g, (all, image, label, link) => {
    if (/^[a-z]+:/.test(link) || link.startsWith('#')) return all
    const [file, anchor] = link.split('#')
    const target = normalize(join(dirname(from), file))
    if (!existsSync(join(root, target))) dead.push(`${link} in ${from}`)
    if (image !== '') return `![${label}](./${relative('docs', target)})`
    const page = pages.get(target)
    if (page !== undefined) return `[${label}](./${page}${anchor === undefined ? '' : `#${anchor}`})`
    return label.includes(target) ? label : `${label} (\`${target}\`)`
  })
}

function vitepress() {
  const require = createRequire(import.meta.url)
  const bin = join(dirname(require.resolve('vitepress/package.json')), 'bin/vitepress.js')
  return spawnSync(process.execPath, [bin, 'build', pagesFolder], { cwd: site, stdio: 'inherit' }).status ?? 1
}
