import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Command } from 'commander'
import { addVerify } from '../../src/verify/add-command.ts'
import { cureFor } from '../../src/verify/cures.ts'
import { losses, outcomes } from '../../src/verify/outcome.ts'
import { outcomeInWords } from '../../src/verify/reporters/words.ts'
import { situations } from '../../src/verify/situations/table.ts'

const page = readFileSync(path.join(__dirname, '../../../../docs/verify.md'), 'utf8')

test('docs/verify.md lists the situations of the table, in its order', () => {
  const section = page.slice(page.indexOf('## Situations'), page.indexOf('## Verdicts'))
  const listed = [...section.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name)
  expect(listed).toEqual(situations.map(({ name }) => name))
})

test('docs/verify.md names every option', () => {
  const program = new Command()
  addVerify(program, '0.0.0', (action) => action())
  const options = program.commands[0]?.options.map(({ long }) => long) ?? []
  expect(options.length).toBeGreaterThan(20)
  expect(options.filter((option) => !page.includes(option ?? ''))).toEqual([])
})

test('docs/verify.md explains every outcome, and which of them are losses', () => {
  const rows = outcomes.map((outcome) => {
    const [, loss] =
      new RegExp(`^\\| ${outcomeInWords(outcome)} \\|[^|]*\\| (yes|no) \\|$`, 'm').exec(page) ?? []
    return [outcome, loss]
  })
  const isLoss = (outcome: string): string => ((losses as readonly string[]).includes(outcome) ? 'yes' : 'no')
  expect(rows).toEqual(outcomes.map((outcome) => [outcome, isLoss(outcome)]))
})

test('every loss has a cure', () => {
  for (const kind of losses) expect(cureFor(kind, undefined, false).cause).not.toBe('')
})
