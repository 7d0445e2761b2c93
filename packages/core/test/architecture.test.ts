import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const root = resolve(__dirname, '../../..')
const oxlint = join(root, 'node_modules/oxlint/bin/oxlint')

const { rows, config } = JSON.parse(
  spawnSync(process.execPath, [join(root, 'scripts/walls.mjs'), '--print'], { encoding: 'utf8' }).stdout,
) as { rows: string[][]; config: unknown }
const rooms = rows.flat()
const rowOf = (room: string) => rows.findIndex((row) => row.includes(room))

test('the lint rules match the table in scripts/walls.mjs', () => {
  expect(JSON.parse(readFileSync(join(root, '.oxlintrc.rooms.json'), 'utf8'))).toEqual(config)
})

test('every room of the core has an entry in the table of walls', () => {
  const entries = readdirSync(join(root, 'packages/core/src'), { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  expect(rooms).toEqual(expect.arrayContaining(folders))
})

test('a room imports only the rooms before it', () => {
  const doorways = rooms.flatMap((from) => rooms.filter((to) => to !== from).map((to) => ({ from, to })))
  const statements = doorways.map(({ from, to }) => ({
    file: `packages/core/src/${from}/to-${to}.ts`,
    code: `import { it } from '../${to}/it.ts'\nexport const again = it`,
  }))
  const walls = doorways.filter(({ from, to }) => rowOf(to) >= rowOf(from))

  expect(rejected(statements)).toEqual(
    walls.map(({ from, to }) => `packages/core/src/${from}/to-${to}.ts`).sort(),
  )
})

test.each([
  ['the public entry', `import { it } from '../index.ts'\nexport const again = it`],
  ['its own package', `import { it } from '@zerodrop/core'\nexport const again = it`],
  ['a type from a room after it', `import type { It } from '../lifecycle/it.ts'\nexport type Again = It`],
])('no room imports %s', (_name, code) => {
  const files = rooms.filter((room) => room !== 'lifecycle').map((room) => `packages/core/src/${room}/it.ts`)

  expect(rejected(files.map((file) => ({ file, code })))).toEqual(files.sort())
})

test.each([
  ['process', 'export const it = process.pid'],
  ['globalThis.process', 'export const it = globalThis.process'],
  ['a timer', 'export const it = setTimeout'],
  ['node:process', `import { pid } from 'node:process'\nexport const it = pid`],
  ['node:child_process', `import { spawn } from 'node:child_process'\nexport const it = spawn`],
  ['node:timers/promises', `import { setTimeout } from 'node:timers/promises'\nexport const it = setTimeout`],
])('only system/ touches %s', (_name, code) => {
  const inside = 'packages/core/src/system/it.ts'
  const outside = rooms.filter((room) => room !== 'system').map((room) => `packages/core/src/${room}/it.ts`)
  outside.push('packages/core/src/index.ts')

  expect(rejected([inside, ...outside].map((file) => ({ file, code })))).toEqual(outside.sort())
})

/** Private names that do not belong to Node. */
const notNodes: Record<string, string> = {
  'connections/half-received.ts': 'private in the package ws',
  'connections/web-socket.ts': 'private in the package ws',
  'connections/ws-deflate.ts': 'private in the package ws',
  'connections/ws-internals.ts': 'private in the package ws',
  'connections/ws-versions.ts': 'private in the package ws',
  'handover/live/replay.ts': '`_write` and `_writev` are what a Writable implements, by its documentation',
}

test('only system/node-internals/ reads private fields of Node', () => {
  const source = join(root, 'packages/core/src')
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  const reading = files.filter((file) =>
    /(?:[.{,'"]\s*|readonly |^\s+)_[a-z]|getOwnPropertySymbols/m.test(
      withoutComments(readFileSync(join(source, file), 'utf8')),
    ),
  )
  const allowed = reading.filter((file) => file.startsWith('system/node-internals/'))
  expect(allowed.length).toBeGreaterThan(5)
  expect(reading.filter((file) => !allowed.includes(file)).sort()).toEqual(Object.keys(notNodes).sort())
})

/** The files of more than 150 lines of code, each with the reason. */
const longFiles: Record<string, string> = {
  'benchmarks/commands.mjs': 'the table of all benchmarks: their options, names and titles',
  'packages/cli/src/verify/cures.ts': 'a table: what to do about each finding',
  'packages/cli/src/verify/stage.ts': 'the steps of one verification in their order',
  'packages/conformance/src/app-process.ts': 'one class: a process under test, and each way to wait for it',
  'packages/conformance/src/keeper-kills/trial.ts': 'the steps of one trial in their order',
  'packages/core/src/connections/connections.ts': 'many short methods over the two maps of open connections',
  'packages/core/src/events/events.ts': 'the table of all events and their payloads',
  'packages/core/src/handover/live/live-migration.ts':
    'one loop over the streams that may leave, and its state',
  'packages/core/src/handover/live/stream-move.ts': 'the steps by which one event stream leaves',
  'packages/core/src/handover/live/web-socket-move.ts': 'the steps by which one WebSocket leaves',
  'packages/core/src/handover/migration.ts': 'one loop over the connections that may leave, and its state',
  'packages/core/src/handover/successor.ts':
    'all messages to and from a successor, the mirror of predecessor.ts',
  'packages/core/src/lifecycle/ending.ts':
    'one state machine: the end of a process, which a handover and a stop share',
  'packages/core/src/lifecycle/lifecycle.ts': 'the public class: one short method for each member',
  'packages/core/src/lifecycle/restart-attempt.ts':
    'one state machine: an attempt from its start to its end or failure',
  'packages/core/src/lifecycle/restarts.ts':
    'one state machine: which attempt is under way, and what follows it',
  'packages/core/src/lifecycle/retirement.ts': 'the steps by which a predecessor hands over and drains',
  'packages/core/src/lifecycle/signal-reactions.ts': 'one state machine: what each signal does in each state',
  'packages/core/src/lifecycle/succession.ts': 'the steps by which a successor takes over',
  'packages/core/src/lifecycle/wiring.ts':
    'builds all parts, in an order that a reader can follow from top to bottom',
  'packages/core/src/options/options.ts': 'the table of all options, their defaults and docstrings',
  'packages/core/src/servers/managed-servers.ts': 'the one list of servers, and each way to look into it',
  'packages/core/src/system/keeper-link.ts': 'all messages to and from a keeper',
  'packages/traffic/src/http-reader.ts': 'one parser: its states do not come apart',
  'packages/traffic/src/raw-client.ts': 'the public client: one short method for each member',
  'scripts/build.mjs': 'one build: it compiles, bundles and moves in, in that order',
}

test('a file with more than 150 lines of code states a reason', () => {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/src`)
  const files = [...packages, 'benchmarks', 'scripts', 'site'].flatMap((folder) => filesIn(folder))
  expect(files.length).toBeGreaterThan(200)
  const long = files.filter((file) => linesOfCode(readFileSync(join(root, file), 'utf8')) > 150)
  expect(long.sort()).toEqual(Object.keys(longFiles).sort())
})

/** The files of drain/ and handover/ that have no unit test, each with the reason. */
const withoutTests: Record<string, string> = {
  'drain/server-drain-options.ts': 'types only',
  'handover/live/move.ts': 'types only',
  'handover/migration-source.ts': 'types only',
}

test('every file in drain/ and handover/ has a unit test at the same path or states a reason', () => {
  const [source, tests] = ['packages/core/src', 'packages/core/test']
  const files = ['drain', 'handover'].flatMap((room) => filesIn(`${source}/${room}`))
  expect(files.length).toBeGreaterThan(60)
  const names = files.map((file) => file.slice(source.length + 1))
  const untested = names.filter((name) => !existsSync(join(root, tests, name.replace(/\.ts$/, '.test.ts'))))
  expect(untested.sort()).toEqual(Object.keys(withoutTests).sort())
})

test('a file exempted from unit tests because it holds only types holds nothing else', () => {
  const typesOnly = Object.keys(withoutTests).filter((name) => withoutTests[name] === 'types only')
  const statements = typesOnly.flatMap((name) =>
    withoutComments(readFileSync(join(root, 'packages/core/src', name), 'utf8'))
      .split('\n')
      .filter((line) => /^\w/.test(line) && !/^(?:import type|export interface|export type) /.test(line)),
  )
  expect(statements).toEqual([])
})

test('files of a room do not import each other in a cycle', () => {
  const [first, second] = ['packages/core/src/health/a.ts', 'packages/core/src/health/b.ts']
  const statements = [
    { file: first, code: `import { b } from './b.ts'\nexport const a = () => b` },
    { file: second, code: `import { a } from './a.ts'\nexport const b = () => a` },
  ]

  expect(rejected(statements)).toEqual([first, second])
})

/** Each adapter with its framework, and one that nobody has written: the rule needs no list of adapters. */
const adapters = [
  ['express', 'express'],
  ['koa', 'koa'],
  ['fastify', 'fastify'],
  ['hono', 'hono'],
  ['new-one', '@hapi/hapi'],
] as const

test.each(adapters)(
  'the %s adapter knows the core by its entry and its framework by type',
  (name, framework) => {
    const src = `packages/${name}/src`
    const code = (from: string) => `import { it } from '${from}'\nexport const again = it`
    const forbidden = [
      { file: `${src}/a.ts`, code: code(framework) },
      { file: `${src}/b.ts`, code: code('../../core/src/index.ts') },
      { file: `${src}/c.ts`, code: code('@zerodrop/core/src/index.ts') },
      { file: `${src}/d.ts`, code: code('@zerodrop/conformance') },
      { file: `${src}/e.ts`, code: `import type { It } from '@zerodrop/cli'\nexport type Again = It` },
    ]
    const allowed = [
      { file: `${src}/f.ts`, code: `import type { It } from '${framework}'\nexport type Again = It` },
      { file: `${src}/g.ts`, code: code('@zerodrop/core') },
      { file: `${src}/h.ts`, code: code('node:http') },
      { file: `${src}/i.ts`, code: code('./a.ts') },
    ]

    expect(rejected([...forbidden, ...allowed])).toEqual(forbidden.map(({ file }) => file))
  },
)

/** Strips comments that fill whole lines. */
function withoutComments(code: string): string {
  return code.replaceAll(/^\s*(?:\/\*[^]*?\*\/|\/\/.*)$/gm, '')
}

/** The source files below a directory of the repository. */
function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[cm]?[jt]s$/.test(file) && !/(^|[\\/])(node_modules|dist)[\\/]/.test(file))
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
}

function linesOfCode(code: string): number {
  return withoutComments(code)
    .split('\n')
    .filter((line) => line.trim() !== '').length
}

/** Lints the files in a directory that contains only our lint rules, and returns the files that fail. */
function rejected(files: { file: string; code: string }[]): string[] {
  const copy = mkdtempSync(join(tmpdir(), 'zerodrop-walls-'))
  try {
    for (const name of ['.oxlintrc.json', '.oxlintrc.rooms.json'])
      copyFileSync(join(root, name), join(copy, name))
    for (const { file, code } of files) {
      mkdirSync(dirname(join(copy, file)), { recursive: true })
      writeFileSync(join(copy, file), `${code}\n`)
    }
    const { stdout, status } = spawnSync(process.execPath, [oxlint, '--format=json'], {
      cwd: copy,
      encoding: 'utf8',
    })
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { filename: string }[] }
    expect(status).toBe(diagnostics.length > 0 ? 1 : 0)
    return [...new Set(diagnostics.map(({ filename }) => filename))].sort()
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
