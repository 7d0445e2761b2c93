/**
 * Puts the results of `npm run bench -- --write` into docs/benchmarks.md: between the comments `<!-- result NAME -->` and
 * `<!-- end -->` go the table, and how, where and when it was measured. What is around them is written by hand.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { barChart } from './lib/plot.mjs'
import { readResults } from './lib/results.mjs'
import { plots } from './plots.mjs'

const page = new URL('../docs/benchmarks.md', import.meta.url)
const images = new URL('../docs/images/', import.meta.url)

export async function writePage() {
  const results = readResults()
  mkdirSync(images, { recursive: true })
  const drawn = new Set()
  for (const [name, plot] of Object.entries(plots)) {
    const result = results.get(name)
    if (result === undefined) continue
    writeFileSync(new URL(`bench-${name}.svg`, images), await barChart(plot(result)))
    drawn.add(name)
  }
  const text = readFileSync(page, 'utf8').replaceAll(
    /<!-- result ([\w-]+) -->\n[^]*?<!-- end -->/g,
    (whole, name) => {
      const result = results.get(name)
      if (result === undefined) return whole
      return `<!-- result ${name} -->\n${section(result, drawn.has(name))}<!-- end -->`
    },
  )
  writeFileSync(page, text)
}

function section(result, isDrawn) {
  const { name, title, rows, note, command, machine, date } = result
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const lines = [
    ...(isDrawn ? ['', `![${title}](images/bench-${name}.svg)`] : []),
    '',
    `${title}.`,
    '',
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((column) => cell(row, column)))),
    '',
    ...(note === undefined ? [] : [note, '']),
    `\`${command}\`, ${date}, ${machine}.`,
    '',
  ]
  return `${lines.join('\n')}\n`
}

function cell(row, column) {
  const value = row[column] ?? ''
  const text = typeof value === 'number' ? value.toLocaleString('en') : String(value)
  const isOurs = column === '' && /^zerodrop\b/.test(text)
  return isOurs ? `**${text}**` : text
}

function line(cells) {
  return `| ${cells.join(' | ')} |`
}
