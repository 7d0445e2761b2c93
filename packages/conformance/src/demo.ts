import { constants } from 'node:os'
import { type DemoOptions, help, parseArguments, UsageError } from './demo/arguments.ts'
import { unmetExpectations } from './demo/expectations.ts'
import { Progress } from './demo/progress.ts'
import { runDemo } from './demo/run.ts'
import { printOutcome } from './demo/table.ts'
import { leftovers } from './leftovers.ts'

/** Restarts a server under load again and again, and exits with 0 only if no client could have noticed. */
async function main(): Promise<number> {
  let options: DemoOptions | 'help'
  try {
    options = parseArguments(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\nSee npm run demo -- --help`)
    return 2
  }
  if (options === 'help') {
    console.log(help)
    return 0
  }
  const undo = leftovers()
  const progress = new Progress()
  const interruption = interrupted()
  try {
    const outcome = await Promise.race([runDemo(options, undo, progress), interruption])
    if (typeof outcome === 'number') {
      progress.fail('Interrupted')
      return outcome
    }
    printOutcome(options, outcome)
    const unmet = unmetExpectations(options, outcome)
    for (const expectation of unmet) console.error(`Not as expected: ${expectation}`)
    return unmet.length > 0 ? 1 : 0
  } catch (error) {
    progress.fail(`The demo itself failed: ${(error as Error).stack}`)
    return 1
  } finally {
    await undo.disposeAll()
  }
}

/** Resolves with the exit code that is due when the demo is told to end, or when nobody reads what it says. */
function interrupted(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve(128 + constants.signals[signal]))
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => resolve(1))
  })
}

process.exitCode = await main()
// The other side of an interrupted run may still wait for something, and by now that is of no interest.
process.exit()
