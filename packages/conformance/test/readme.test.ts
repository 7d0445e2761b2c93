import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { inspect } from 'node:util'
import { defaults } from '../../core/src/options/options.ts'
import { startApp } from '../src/app-process.ts'
import type { AppProcess } from '../src/app-process.ts'
import { blocks } from './support/doc-page.ts'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'

const root = path.join(__dirname, '../../..')
const readmes = [
  'README.md',
  ...['core', 'express', 'koa', 'fastify', 'prometheus', 'socket.io'].map(
    (name) => `packages/${name}/README.md`,
  ),
]

const undo = leftovers()
afterEach(() => undo.disposeAll())

// A restart needs a platform that hands on listening sockets, and finding its orphans needs /proc.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

// Windows has no signals that a process could handle.
const describePosix = process.platform === 'win32' ? describe.skip : describe

/** The programs of a page: its blocks of TypeScript and JavaScript, as a reader would copy them. */
function snippets(readme: string): { name: string; language: string; code: string }[] {
  const text = readFileSync(path.join(root, readme), 'utf8')
  const all = [...text.matchAll(/^```(ts|js)\n([^]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
  }))
  // A fragment of a program listens nowhere; `docs.test.ts` checks its types.
  const programs = all.filter(({ code }) => code.includes('listen('))
  return programs.map((program, index) => ({ name: `${readme} ${index + 1}`, ...program }))
}

/** A folder inside the repository, so that what a snippet imports is found. */
function folder(): string {
  mkdirSync(path.join(root, '.demo'), { recursive: true })
  const made = mkdtempSync(path.join(root, '.demo', 'readme-'))
  undo.add(() => rmSync(made, { recursive: true }))
  return made
}

/** Starts a snippet as it stands but for the port, and resolves when it listens there: a port for probes may come first. */
async function start(language: string, code: string): Promise<{ app: AppProcess; port: number }> {
  expect(code).toContain('3000')
  const port = await freePort()
  const file = path.join(folder(), language === 'ts' ? 'server.mjs' : 'server.cjs')
  writeFileSync(file, code.replace('3000', String(port)))
  const preload = path.join(__dirname, 'fixtures/announce-listening.mjs')
  const app = await startApp({ file, execArgv: ['--import', preload] })
  undo.add(() => app.stop())
  await app.waitFor((event) => event.event === 'listening' && event['port'] === port)
  return { app, port }
}

/** The whole programs of a page of the docs: they import zerodrop and listen. What else they name, a preload declares. */
function docPrograms(page: string): { name: string; code: string }[] {
  return blocks(page)
    .filter(({ code }) => /^import .*'@zerodrop\//m.test(code) && /\.listen\((?:\{ port: )?3000/.test(code))
    .map(({ place, code }) => ({ name: place, code }))
}

/** The programs of a page that use another library and listen. */
function peerPrograms(page: string): { name: string; code: string }[] {
  return blocks(page)
    .filter(({ code }) => !code.includes("'@zerodrop/") && /\.listen\((?:\{ port: )?3000/.test(code))
    .map(({ place, code }) => ({ name: place, code }))
}

async function get(port: number): Promise<string> {
  const client = await RawClient.connect({ port })
  const { status, body } = await client.request({ path: '/' })
  client.destroy()
  return `${status} ${body.toString()}`
}

const programs = readmes.flatMap(snippets)

test('every page has its snippets', () => {
  expect(programs.map(({ name }) => name)).toEqual([
    'README.md 1',
    'README.md 2',
    'README.md 3',
    ...readmes.slice(1).map((readme) => `${readme} 1`),
  ])
})

test.each(programs)('$name serves, and stops at SIGTERM', async ({ language, code }) => {
  const { app, port } = await start(language, code)
  expect(await get(port)).toBe('200 hello')
  app.signal('SIGTERM')
  expect(await app.exited).toEqual({ code: 0, signal: null })
})

test.each(['docs/getting-started.md', 'docs/migrating.md'].flatMap(docPrograms))(
  '$name serves, and stops at SIGTERM',
  async ({ code }) => {
    const quick = code
      .replace('port: 9000', `port: ${await freePort()}`)
      .replace('drainDelay: 5000', 'drainDelay: 0')
    const { app, port } = await start(
      'ts',
      `globalThis.pool = { query: async () => {}, end: async () => {} }\n${quick}`,
    )
    expect(await get(port)).toBe('200 hello')
    app.signal('SIGTERM')
    expect(await app.exited).toEqual({ code: 0, signal: null })
  },
)

// The workspace of the benchmarks installs them.
const peers = peerPrograms('docs/migrating.md')

test('the page has a program of every other library', () => {
  expect(peers).toHaveLength(8)
})

describePosix.each(peers)('before: $name', ({ code }) => {
  test('serves, and stops at its signal as the library does', async () => {
    const quick = code
      .replace('port: 9000', `port: ${await freePort()}`)
      .replace('shutdownDelay: 5000', 'shutdownDelay: 0')
      .replace(', 5000)', ', 0)')
    const { app, port } = await start(
      'ts',
      `globalThis.pool = { query: async () => {}, end: async () => {} }\n${quick}`,
    )
    expect(await get(port)).toBe('200 hello')
    app.signal(code.includes("'SIGTERM'") || !code.includes("'SIGINT'") ? 'SIGTERM' : 'SIGINT')
    // terminus ends the process by the signal that it got.
    const exit = code.includes('terminus') ? { code: null, signal: 'SIGTERM' } : { code: 0, signal: null }
    expect(await app.exited).toEqual(exit)
  })
})

describeLinux('restart', () => {
  test.each(programs)('$name goes on in a new process at SIGHUP', async ({ language, code }) => {
    const { app, port } = await start(language, code)
    const from = app.lines.length
    app.signal('SIGHUP')
    await app.waitFor('listening', { from })
    expect(await app.exited).toEqual({ code: 0, signal: null })
    expect(await get(port)).toBe('200 hello')
    const successor = app.signal('SIGTERM')
    await app.exitOf(successor)
  })
})

test('the snippets are TypeScript without an error', async () => {
  const made = folder()
  const files = programs
    .filter(({ language }) => language === 'ts')
    .map(({ code }, index) => {
      writeFileSync(path.join(made, `${index}.mts`), code)
      return `${index}.mts`
    })
  const config = { extends: path.join(root, 'tsconfig.base.json'), compilerOptions: { noEmit: true }, files }
  writeFileSync(path.join(made, 'tsconfig.json'), JSON.stringify(config))
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const child = spawn(process.execPath, [tsc, '-p', made], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = await once(child, 'close')
  expect([code, output]).toEqual([0, ''])
})

test('the table of options is complete, with the right defaults', () => {
  const text = readFileSync(path.join(root, 'README.md'), 'utf8')
  const section = /^## Options$([^]*?)^## /m.exec(text)?.[1] ?? ''
  const rows = [...section.matchAll(/^\| `(\w+)` \| (.+?) \|/gm)].map(([, name, value]) => [name, value])
  const { signals: _signals, ...values } = defaults
  const expected = Object.entries(values).map(([name, value]) => [name, `\`${inspect(value)}\``])
  expect(rows).toEqual([...expected, ['signals', '`{}`']])
})
