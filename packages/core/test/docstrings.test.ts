import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const source = join(__dirname, '../src')

/** Each public name, with the file that declares it. */
const names = [
  ...readFileSync(join(source, 'index.ts'), 'utf8').matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)'/g),
].flatMap(([, list = '', file = '']) =>
  list
    .split(',')
    .map((name) => name.replace('type ', '').trim())
    .filter((name) => name !== '')
    .map((name) => ({ name, file })),
)

/** The lines of a declaration, and whether a docstring precedes it. */
function declarationOf(name: string, file: string): { documented: boolean; lines: string[] } {
  const lines = readFileSync(join(source, file), 'utf8').split('\n')
  const declares = new RegExp(
    `^export (?:declare )?(?:abstract )?(?:class|interface|type|const|function) ${name}\\b`,
  )
  const start = lines.findIndex((line) => declares.test(line))
  const length = lines.slice(start).findIndex((line, index) => index > 0 && /^\S/.test(line) && line !== ')')
  return {
    documented: lines[start - 1]?.endsWith('*/') === true,
    lines: lines.slice(start, start + (length < 0 ? 1 : length)),
  }
}

/** The public members of a class or interface that have no docstring. */
function undocumentedMembers(lines: string[]): string[] {
  if (!/^export (?:class|interface) /.test(lines[0] ?? '')) return []
  return lines.flatMap((line, index) => {
    const member = /^ {2}(?:readonly |get |async )?'?([a-z][\w:]*)'?\??(?:<[^(]*>)?[(:]/.exec(line)?.[1]
    if (member === undefined || member === 'constructor') return []
    return lines[index - 1]?.endsWith('*/') === true ? [] : [member]
  })
}

test('every public name has a docstring', () => {
  expect(names.length).toBeGreaterThan(50)
  const missing = names.filter(({ name, file }) => !declarationOf(name, file).documented)
  expect(missing.map(({ name }) => name)).toEqual([])
})

test('every member of a public class or interface has a docstring', () => {
  const missing = names.flatMap(({ name, file }) =>
    // The events are described by `lifecycleEvents`, which a test compares with the documentation.
    name === 'LifecycleEvents'
      ? []
      : undocumentedMembers(declarationOf(name, file).lines).map((member) => `${name}.${member}`),
  )
  expect(missing).toEqual([])
})

/** Each option that is a duration, with its docstring. */
function durations(): { name: string; docstring: string }[] {
  const files = ['options/options.ts', 'health/options.ts', 'lifecycle/hooks.ts']
  return files.flatMap((file) => {
    const text = readFileSync(join(source, file), 'utf8')
    const members = text.matchAll(
      /\/\*\*((?:(?!\*\/)[^])*)\*\/\n {2}readonly (\w*(?:[tT]imeout|Delay|Spread|probation|cache|interval))\?: number$/gm,
    )
    return [...members].map(([, docstring = '', name = '']) => ({ name, docstring }))
  })
}

test('the docstring of a duration gives the unit, the default, and the effect of 0 and Infinity', () => {
  expect(durations().map(({ name }) => name)).toEqual(
    expect.arrayContaining(['drainTimeout', 'drainDelay', 'closeSpread', 'probation', 'timeout', 'cache']),
  )
  const wanted = [/milliseconds/i, /@default \d/, /`0`/, /`Infinity`/]
  const incomplete = durations().filter(({ docstring }) => !wanted.every((each) => each.test(docstring)))
  expect(incomplete.map(({ name }) => name)).toEqual([])
})

test('the docstrings of the main functions contain an example', () => {
  const hooks = ['onReady', 'onDrain', 'onRestart', 'onShutdown', 'beforeExit']
  const others = [
    'configure',
    'attach',
    'ignore',
    'ready',
    'draining',
    'shutdown',
    'restart',
    'status',
    'events',
  ]
  const text = readFileSync(join(source, 'lifecycle/lifecycle.ts'), 'utf8')
  const missing = [...hooks, ...others, 'answerHealth'].filter((name) => {
    const [before = ''] = text.split(new RegExp(`\\n {2}(?:get )?${name}\\(`))
    return !before.slice(before.lastIndexOf('/**')).includes('@example')
  })
  expect(missing).toEqual([])
})
