/**
 * The rooms of the core, and which rooms each may import: the one table. `npm run walls` writes `.oxlintrc.rooms.json`
 * from it, the linter enforces that file, and `packages/core/test/architecture.test.ts` checks that the file is up to
 * date and that every wall holds.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A room may import from the rooms of earlier rows. */
const rows = [
  ['errors'],
  ['system'],
  ['events'],
  ['signals', 'listeners', 'connections', 'health', 'keeper'],
  ['options'],
  ['drain', 'handover'],
  ['servers'],
  ['lifecycle'],
]

/** Every other package is an adapter or a plugin, for which the rule of adapters holds. */
const tools = ['battery', 'cli', 'conformance', 'traffic']

/** What these plugins may import, in place of types only: the first depends on `fastify-plugin`, the second counts. */
const frameworkTypes = { fastify: '^fastify(/|$)', prometheus: undefined }

const outsideWorld = {
  regex: '^(node:)?(process|child_process|timers|timers/promises)$',
  allowTypeImports: true,
  message: 'Only system/ touches the process, its children and timers.',
}

const requiredPackages = {
  regex: '^(commander|@zerodrop/core/keeper)$',
  allowTypeImports: true,
  message: 'An import of this package makes a keeper larger. Import it from required.ts.',
}

/** A module that belongs neither to Node nor to us. */
const anyOtherPackage = `^([^.@n]|n(${otherThan('ode:')})|@(${otherThan('zerodrop/')}))`

const outsideGlobals = [
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
]

function roomsConfig() {
  const rooms = rows.flat()
  return {
    overrides: [
      { files: ['packages/*/src/**'], rules: adapterRules(anyOtherPackage) },
      ...Object.entries(frameworkTypes).map(([name, types]) => ({
        files: [`packages/${name}/src/**`],
        rules: adapterRules(types),
      })),
      {
        files: tools.map((name) => `packages/${name}/src/**`),
        rules: { 'no-restricted-imports': 'off' },
      },
      {
        files: ['packages/cli/src/**/*.ts'],
        rules: { 'no-restricted-imports': restrictedImports(requiredPackages) },
      },
      {
        files: ['packages/core/src/**'],
        rules: {
          'no-restricted-globals': ['error', { globals: outsideGlobals, checkGlobalObject: true }],
          'no-restricted-imports': restrictedImports(outsideWorld),
        },
      },
      { files: ['packages/core/src/system/**'], rules: { 'no-restricted-globals': 'off' } },
      ...rooms.map((room) => ({
        files: [`packages/core/src/${room}/**`],
        rules: {
          'no-restricted-imports': restrictedImports(
            wall(room),
            ...(room === 'system' ? [] : [outsideWorld]),
          ),
        },
      })),
    ],
  }
}

function wall(room) {
  const own = rows.findIndex((row) => row.includes(room))
  const allowed = rows.slice(0, own).flat()
  const forbidden = rows.flat().filter((other) => other !== room && !allowed.includes(other))
  const outside = forbidden.length === 0 ? '' : `|(${forbidden.join('|')})/`
  const mayImport = allowed.length === 0 ? 'no other room' : allowed.map((other) => `${other}/`).join(', ')
  return {
    regex: `^@zerodrop/|^(\\.\\./)+(index\\.m?ts${outside})`,
    message: `${room}/ may import ${allowed.length === 0 ? mayImport : `only ${mayImport}`}.`,
  }
}

function adapterRules(types) {
  const own = {
    regex: `^@zerodrop/(${otherThan('core')}|core.)|^(\\.\\./){2,}`,
    message: 'Of our packages, an adapter may import only @zerodrop/core.',
  }
  const framework = {
    regex: types,
    allowTypeImports: true,
    message: 'An adapter imports only types from its framework: the application brings its own copy.',
  }
  return { 'no-restricted-imports': restrictedImports(own, ...(types === undefined ? [] : [framework])) }
}

/** Matches the beginning of every text that does not begin with the word. The linter's regexes have no look-ahead. */
function otherThan(word) {
  return [...word].map((letter, index) => `${word.slice(0, index)}[^${letter}]`).join('|')
}

function restrictedImports(...patterns) {
  return ['error', { patterns }]
}

const file = join(dirname(fileURLToPath(import.meta.url)), '..', '.oxlintrc.rooms.json')

// With --print the table and the rules go to standard output as JSON, for the test.
if (process.argv.includes('--print')) console.log(JSON.stringify({ rows, config: roomsConfig() }))
else {
  writeFileSync(file, `${JSON.stringify(roomsConfig(), null, 2)}\n`)
  // In the form that the format check asks for.
  const { status } = spawnSync('npx', ['biome', 'format', '--write', file], { stdio: 'inherit' })
  process.exitCode = status ?? 1
}
