/** What the runs have measured, one file each in `results/`, from which `page.mjs` makes docs/benchmarks.md. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { machine } from './machine.mjs'

const folder = new URL('../results/', import.meta.url)

/**
 * @typedef {object} Result
 * @property {string} name
 * @property {string} title
 * @property {string} command
 * @property {string} machine
 * @property {string} date
 * @property {Record<string, string | number>[]} rows
 * @property {string} [note]
 */

/**
 * Prints a table, and keeps it if the run is one to publish.
 * @param {{ name: string, title: string, rows: Record<string, string | number>[], note?: string }} result
 * @param {{ keep: boolean, command: string }} options whether it is, and what made it
 */
export function publish(result, { keep, command: name }) {
  console.log(`\n${result.title}`)
  console.table(Object.fromEntries(result.rows.map(({ '': name, ...row }) => [name, row])))
  if (result.note !== undefined) console.log(result.note)
  if (!keep) return
  const words = process.argv
    .slice(2)
    .filter((word) => word !== name && word !== '--write' && word !== '--verbose')
  const command = ['npm run bench --', name, ...words].join(' ')
  const date = new Date().toISOString().slice(0, 10)
  mkdirSync(folder, { recursive: true })
  const text = JSON.stringify({ ...result, command, machine: machine(), date }, undefined, 2)
  writeFileSync(new URL(`${result.name}.json`, folder), `${text}\n`)
}

/** @returns {Map<string, Result>} all that were kept */
export function readResults() {
  const names = readdirSync(fileURLToPath(folder)).filter((name) => name.endsWith('.json'))
  return new Map(
    names.map((name) => {
      const result = JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
      return [result.name, result]
    }),
  )
}
