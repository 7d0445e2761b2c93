/**
 * Puts the results of `npm run bench -- --write` into docs/benchmarks.md: between the comments `<!-- result NAME -->` and
 * `<!-- end -->` go the plot, the table, and how, where and when it was measured. What is around them is written by hand.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { alternative, barChart } from './lib/plot.mjs'
import { readResults } from './lib/results.mjs'
import { plots } from './plots.mjs'

const page = new URL('../docs/benchmarks.md', import.meta.url)
const images = new URL('../docs/images/', import.meta.url)

export async function writePage() {
  const results = readResults()
  mkdirSync(images, { recursive: true })
  for (const [name, result] of results) {
    const plot = plots[name]
    if (plot !== undefined) writeFileSync(new URL(image(name), images), await barChart(plot(result)))
  }
  writeFileSync(page, pageText(readFileSync(page, 'utf8'), results))
}

/** The page with these results in it. A place without a result stays as it is. */
export function pageText(text, results) {
  return text.replaceAll(/<!-- result ([\w-]+) -->\n[^]*?<!-- end -->/g, (whole, name) => {
    const result = results.get(name)
    return result === undefined ? whole : `<!-- result ${name} -->\n${section(result)}<!-- end -->`
  })
}

function section(result) {
  const { name, title, rows, note, command, machine, date } = result
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const plot = plots[name]
  const lines = [
    ...(plot === undefined ? [] : ['', `![${alternative(plot(result))}](images/${image(name)})`]),
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

function image(name) {
  return `bench-${name}.svg`
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
