import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** What the benchmarks know: their modules are ES modules, which a test cannot import. */
const show = `
const { commands } = await import('./commands.mjs')
const { alternative } = await import('./lib/plot.mjs')
const { readResults } = await import('./lib/results.mjs')
const { pageText } = await import('./page.mjs')
const { plots } = await import('./plots.mjs')
const { readFileSync } = await import('node:fs')
const results = readResults()
const drawn = [...results].filter(([name]) => Object.hasOwn(plots, name))
console.log(JSON.stringify({
  commands: Object.keys(commands),
  results: [...results.keys()],
  restart: results.get('restart').rows,
  stop: results.get('exit-busy').rows,
  plots: Object.keys(plots),
  charts: drawn.map(([name, result]) => ({ name, ...plots[name](result), alternative: alternative(plots[name](result)) })),
  page: pageText(readFileSync('../docs/benchmarks.md', 'utf8'), results),
}))
`

interface Known {
  readonly commands: string[]
  readonly results: string[]
  readonly restart: Record<string, string | number>[]
  readonly stop: Record<string, string | number>[]
  readonly plots: string[]
  readonly charts: {
    name: string
    title: string
    alternative: string
    bars: { of: string; text: string }[]
  }[]
  readonly page: string
}

const root = path.join(__dirname, '../../..')
const page = readFileSync(path.join(root, 'docs/benchmarks.md'), 'utf8')
let known: Known

beforeAll(() => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', show], {
    cwd: path.join(root, 'benchmarks'),
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: undefined },
  })
  if (stderr !== '') throw new Error(stderr)
  known = JSON.parse(stdout) as Known
})

test('the page shows what the last run of each benchmark has stored', () => {
  expect(known.page).toBe(page)
})

test('every benchmark has a table, and every table a plot', () => {
  const tables = [...page.matchAll(/<!-- result ([\w-]+) -->/g)].map(([, name = '']) => name)
  const without = known.commands.filter(
    (command) => !tables.some((table) => `${table}-`.startsWith(`${command}-`)),
  )
  expect(without).toEqual([])
  expect([...known.results].toSorted()).toEqual([...tables].toSorted())
  expect([...known.plots].toSorted()).toEqual([...tables].toSorted())
  const images = readdirSync(path.join(root, 'docs/images')).filter((name) => name.startsWith('bench-'))
  expect(images.toSorted()).toEqual(tables.map((table) => `bench-${table}.svg`).toSorted())
})

test('every plot shows the figures of its table, and its alternative text says them', () => {
  expect(known.charts).toHaveLength(known.plots.length)
  for (const { name, title, bars, alternative } of known.charts) {
    const drawn = texts(readFileSync(path.join(root, `docs/images/bench-${name}.svg`), 'utf8'))
    const written = [title, ...bars.flatMap(({ of, text }) => [of, text])]
    expect({ name, missing: written.filter((text) => !drawn.has(text)) }).toEqual({ name, missing: [] })
    expect(page).toContain(`![${alternative}](images/bench-${name}.svg)`)
    for (const { text } of bars) expect(alternative).toContain(text)
  }
})

test('the tables of the README have the figures of the page', () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8')
  const rows = [...readme.matchAll(/^\| (.+) \|$/gm)].map(([, cells = '']) =>
    cells.replaceAll('**', '').split(' | '),
  )
  const after = (first: string): string[][] => {
    const start = rows.findIndex(([cell]) => cell === first) + 2
    const end = rows.findIndex(([cell], index) => index >= start && cell === 'zerodrop')
    return rows.slice(start, end + 1)
  }
  const stop = after('library')
  expect(stop).toHaveLength(7)
  const of = (list: Known['stop'], name: string) =>
    list.find((row) => row[''] === name || String(row['']).startsWith(`${name} `))
  for (const [name = '', lost] of stop)
    expect([name, lost]).toEqual([
      name,
      String(of(known.stop, name === 'none' ? 'no library' : name)?.['lost']),
    ])
  const restart = after('restarted by')
  expect(restart).toHaveLength(5)
  const names = ['stop, then start', 'node:cluster', 'pm2', 'Watt', 'zerodrop']
  for (const [index, [, lost, kept]] of restart.entries()) {
    const row = of(known.restart, names[index] ?? '')
    const perRestart = Math.round(Number(row?.['lost per restart'])).toLocaleString('en')
    expect([names[index], lost, kept]).toEqual([names[index], perRestart, row?.['connections kept']])
  }
})

function texts(svg: string): Set<string> {
  const found = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text = '']) => text)
  return new Set(found.map((text) => text.replaceAll('&lt;', '<').replaceAll('&amp;', '&')))
}
