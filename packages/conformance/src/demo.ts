import { runCommand } from './command.ts'
import { help, parseArguments } from './demo/arguments.ts'
import { unmetExpectations } from './demo/expectations.ts'
import { runDemo } from './demo/run.ts'
import { printOutcome } from './demo/table.ts'

/** Restarts a server under load again and again, and exits with 0 only if no client could have noticed. */
await runCommand({
  name: 'demo',
  help,
  parse: parseArguments,
  work: (options, { undo, progress }) => runDemo(options, undo, progress),
  report(options, outcome) {
    printOutcome(options, outcome)
    return unmetExpectations(options, outcome)
  },
})
