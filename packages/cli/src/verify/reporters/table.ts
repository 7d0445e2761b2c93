import Table from 'cli-table3'
import yoctoSpinner from 'yocto-spinner'
import type { Spinner } from 'yocto-spinner'
import type { Cure } from '../cures.ts'
import { unsteadyOf } from '../report.ts'
import type { Report, SituationReport } from '../report.ts'
import type { Situation } from '../situations/situation.ts'
import { paintFor } from './paint.ts'
import type { Paint } from './paint.ts'
import { countsInWords, endInWords, repeated, telling } from './words.ts'

const symbols = { pass: '✓', fail: '✗', skip: '–' }
const colours = { pass: 'green', fail: 'red', skip: 'gray' } as const

/** Prints a line for each situation as it ends, for people who watch the run. */
export class LiveTable {
  readonly #stream: NodeJS.WriteStream
  readonly #columns: [title: number, outcome: number, end: number]
  readonly #playing = new Set<string>()
  readonly #spinner: Spinner | undefined
  readonly #paint: Paint

  constructor(stream: NodeJS.WriteStream, titles: readonly string[]) {
    this.#stream = stream
    const title = Math.max(...titles.map(({ length }) => length)) + 4
    const end = 24
    this.#paint = paintFor(stream)
    this.#columns = [title, Math.max(30, (stream.columns ?? 120) - title - end - 2), end]
    if (stream.isTTY) this.#spinner = yoctoSpinner({ stream, handleSignals: false })
  }

  say(line: string): void {
    this.#withoutSpinner(() => this.#stream.write(`${line}\n`))
  }

  begin({ title }: Situation): void {
    this.#playing.add(title)
    this.#spin()
  }

  end(report: SituationReport): void {
    this.#playing.delete(report.title)
    this.#withoutSpinner(() => this.#stream.write(`${this.#row(report)}\n`))
  }

  close(): void {
    this.#spinner?.stop()
  }

  #row(report: SituationReport): string {
    const run = telling(report)
    const { verdict } = report
    const colour = colours[verdict]
    const said = countsInWords(run) + repeated(report)
    const table = borderless([...this.#columns])
    table.push([
      this.#paint(colour, `${symbols[verdict]} ${report.title}`),
      verdict === 'pass' ? said : this.#paint(colour, verdict === 'skip' ? `skipped: ${said}` : said),
      verdict === 'skip' ? '' : endInWords(run),
    ])
    return table.toString().replaceAll(/ +$/gm, '')
  }

  #spin(): void {
    if (this.#spinner === undefined || this.#playing.size === 0) return
    this.#spinner.text = [...this.#playing].join(', ')
    this.#spinner.start()
  }

  #withoutSpinner(write: () => void): void {
    this.#spinner?.stop()
    write()
    this.#spin()
  }
}

function borderless(colWidths: number[]): Table.Table {
  const none = [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ] as const
  return new Table({
    chars: Object.fromEntries(none.map((name) => [name, ''])),
    style: { 'padding-left': 0, 'padding-right': 1, head: [], border: [] },
    colWidths,
    wordWrap: true,
  })
}

/** The failures, grouped by their usual cause and cure, and the totals. */
export function summary(report: Report, stream: NodeJS.WriteStream): string {
  const paint = paintFor(stream)
  const lines: string[] = []
  for (const [cure, seen] of byCure(report)) {
    lines.push('')
    for (const { title, saw } of seen) lines.push(`${paint('red', `✗ ${title}`)}: ${saw}`)
    for (const [name, text] of [
      ['usual cause', cure.cause],
      ['Express', cure.express],
      ['Koa', cure.koa],
      ['Fastify', cure.fastify],
      ['elsewhere', cure.elsewhere],
    ] as const)
      lines.push(`  ${paint('dim', name.padEnd(11))}  ${text}`)
  }
  for (const situation of unsteadyOf(report.situations))
    lines.push(
      '',
      `${paint('red', `! ${situation.title}`)}: not the same verdict each time${repeated(situation)}`,
    )
  for (const [remark, titles] of remarks(report)) lines.push('', `! ${titles.join(', ')}: ${remark}`)
  const { passed, failed, skipped, took } = report
  const sum = `${passed} passed, ${failed} failed, ${skipped} skipped in ${(took / 1000).toFixed(1)} s`
  lines.push('', paint(failed > 0 ? 'red' : 'green', sum))
  return lines.join('\n')
}

/** The titles of the situations by what their runs do not show. */
function remarks({ situations }: Report): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { title, runs } of situations)
    for (const remark of new Set(runs.flatMap((run) => run.remark ?? [])))
      found.set(remark, [...(found.get(remark) ?? []), title])
  return found
}

function byCure(report: Report): Map<Cure, { title: string; saw: string }[]> {
  const found = new Map<Cure, { title: string; saw: string }[]>()
  for (const { title, cures } of report.situations)
    for (const { saw, cure } of cures) found.set(cure, [...(found.get(cure) ?? []), { title, saw }])
  return found
}

/** The output of `--list`. */
export function listing(situations: readonly Situation[], stream: NodeJS.WriteStream): string {
  const paint = paintFor(stream)
  const columns = stream.columns ?? 120
  const table = borderless([
    24,
    Math.max(30, Math.floor((columns - 26) / 2)),
    Math.max(30, Math.floor((columns - 26) / 2)),
  ])
  table.push([paint('bold', 'name'), paint('bold', 'clients'), paint('bold', 'what has to hold')])
  for (const { name, does, judges, needs = [], at } of situations) {
    const flags = needs.map((need) => `--${need}`).join(' ')
    const condition = [flags, at.includes('stop') ? '' : '--restart'].filter(Boolean).join(' ')
    table.push([name, does + (condition === '' ? '' : paint('dim', ` (${condition})`)), judges])
  }
  return table.toString().replaceAll(/ +$/gm, '')
}
