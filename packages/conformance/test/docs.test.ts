import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import * as core from '@zerodrop/core'
import { leftovers } from '@zerodrop/traffic'
import { docGlobals, docModules } from './support/doc-globals.ts'
import { anchors, type Block, blocks, examples, pages, prose, read, root } from './support/doc-page.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const all = pages().flatMap(blocks)
const code: Block[] = [...all, ...examples()].filter(({ language }) => language === 'ts' || language === 'js')

test('every code block of the docs, and every example in a docstring, compiles', async () => {
  const checked = code.filter(({ unchecked }) => unchecked === undefined)
  expect(checked.length).toBeGreaterThan(70)
  const folder = temporary()
  const places = new Map<string, string>()
  for (const [index, { place, language, code: text }] of checked.entries()) {
    const isModule = /^\s*(?:import|export) /m.test(text)
    const extension = language === 'ts' ? 'mts' : isModule ? 'mjs' : 'cjs'
    const file = `block-${index}.${extension}`
    places.set(file, place)
    writeFileSync(path.join(folder, file), isModule || extension === 'cjs' ? text : `${text}export {}\n`)
  }
  writeFileSync(path.join(folder, 'globals.d.mts'), docGlobals)
  writeFileSync(path.join(folder, 'modules.d.ts'), docModules)
  const config = {
    compilerOptions: {
      // As a reader has it: the built packages, strict, and nothing of this repository's own settings.
      module: 'NodeNext',
      target: 'ES2023',
      lib: ['ES2023'],
      types: ['node'],
      strict: true,
      allowJs: true,
      checkJs: true,
      noEmit: true,
      skipLibCheck: true,
    },
    include: ['*'],
  }
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { status, output } = await tsc(folder)
  const located = output.replaceAll(/\S*(block-\d+\.\w+)\((\d+)/g, (_, file: string, line: string) => {
    const [page = '', fence] = (places.get(file) ?? '').split(':')
    return `${page}(${Number(fence) + Number(line)}`
  })
  expect([status, located]).toEqual([0, ''])
})

test('every code block that nothing checks gives its reason, and there are few', () => {
  const unchecked = all.filter((block) => block.unchecked !== undefined)
  expect(unchecked.map(({ unchecked: reason }) => reason)).toEqual(
    unchecked.map(() => expect.stringMatching(/\w+ \w+/)),
  )
  expect(unchecked.length).toBeLessThanOrEqual(8)
})

test('every block of JSON parses', () => {
  const broken = all.filter(({ language, code: text }) => language === 'json' && !parses(text))
  expect(broken.map(({ place }) => place)).toEqual([])
})

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('every npm script that the docs name exists', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = pages().flatMap((page) =>
    [...read(page).matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => [page, name]),
  )
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter(([, name = '']) => !Object.hasOwn(scripts, name))).toEqual([])
})

test('every relative link leads to a file, and to a heading in it', () => {
  const broken = pages().flatMap((page) =>
    links(page)
      .filter((link) => !leads(page, link))
      .map((link) => `${page}: ${link}`),
  )
  expect(broken).toEqual([])
})

test('every page of the docs is linked from the README', () => {
  const linked = new Set(links('README.md').map((link) => link.split('#')[0]))
  const missing = pages().filter((page) => page.startsWith('docs/') && !linked.has(page))
  expect(missing).toEqual([])
})

test('every default of a proxy or a platform names its source', () => {
  const sections = ['docs/load-balancers.md', 'docs/containers.md'].flatMap((page) =>
    read(page).split('\n\n'),
  )
  const tables = sections.filter((section) => /^\| (?:proxy|platform) \|/.test(section))
  expect(tables).toHaveLength(2)
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(2))
  expect(rows.length).toBeGreaterThan(15)
  expect(rows.filter((row) => !/\]\(https:\/\/[^)\s]+\)/.test(row))).toEqual([])
})

test('docs/api.md has a section for each member of the lifecycle and names every export', () => {
  const page = read('docs/api.md')
  const [, lifecycle = ''] = page
    .split(/^## /m)
    .filter((section) => section.startsWith('lifecycle\n'))
    .join('')
    .split(/^lifecycle$/m)
  const documented = [...lifecycle.matchAll(/^### (\w+)$/gm)].map(([, name]) => name)
  // `register()` is what the entry point of that name calls.
  const internal = new Set(['constructor', 'register'])
  const members = Object.getOwnPropertyNames(Object.getPrototypeOf(core.lifecycle)).filter(
    (name) => !internal.has(name),
  )
  expect(new Set(documented)).toEqual(new Set(members))
  const adapter = Object.getOwnPropertyNames(Object.getPrototypeOf(core.adapter)).filter(
    (name) => name !== 'constructor',
  )
  const named = [...Object.keys(core), ...adapter].filter((name) => !new RegExp(`\\b${name}\\b`).test(page))
  expect(named).toEqual([])
})

/** What reads like a translation, and what to write instead. */
const translated: [pattern: RegExp, instead: string][] = [
  [/\banew\b/, 'again'],
  [/\bfor ever\b/, 'forever'],
  [/\b(?:some|any)body(?: who)? asks\b|\bwhoever asks\b/i, 'name who asks'],
  [/\b(?:is|are) told of\b/, 'learns of'],
  [/\bhears? of\b/, 'learns of'],
  [/\bOne that\b/, 'name the subject'],
  [/\bwhat goes wrong\b/i, 'name what fails'],
  [/\boneself\b|\bone's own\b/, 'yourself, your own'],
  [/\bas ever\b/, 'as usual'],
  [/\bturn of the (?:event )?loop\b/, 'event loop tick'],
]

test('the pages use no phrase that reads like a translation', () => {
  const found = pages().flatMap((page) =>
    prose(page)
      .split('\n')
      .flatMap((line) =>
        translated
          .filter(([pattern]) => pattern.test(line))
          .map(([, instead]) => `${page}: ${line.trim().slice(0, 100)} (${instead})`),
      ),
  )
  expect(found).toEqual([])
})

function links(page: string): string[] {
  const found = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return found.filter((link) => !/^[a-z]+:/.test(link))
}

function leads(page: string, link: string): boolean {
  const [file = '', anchor] = link.split('#')
  const target = file === '' ? page : path.join(path.dirname(page), file)
  if (!existsSync(path.join(root, target))) return false
  if (anchor === undefined) return true
  return !statSync(path.join(root, target)).isDirectory() && anchors(target).has(anchor)
}

/** A folder inside the repository, so that what a block imports is found. */
function temporary(): string {
  mkdirSync(path.join(root, '.demo'), { recursive: true })
  const folder = mkdtempSync(path.join(root, '.demo', 'docs-'))
  undo.add(() => rmSync(folder, { recursive: true }))
  return folder
}

async function tsc(folder: string): Promise<{ status: unknown; output: string }> {
  const bin = path.join(root, 'node_modules/typescript/bin/tsc')
  const child = spawn(process.execPath, [bin, '-p', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [status] = (await once(child, 'close')) as unknown[]
  return { status, output }
}
