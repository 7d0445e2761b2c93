import { type Command, runCommand } from './command.ts'
import { help, parseArguments, type SoakOptions } from './soak/arguments.ts'
import { unmetExpectations } from './soak/expectations.ts'
import { runSoak } from './soak/run.ts'
import type { SoakOutcome } from './soak/run.ts'
import { printOutcome, printTotal } from './soak/table.ts'
import { streamsCommand } from './streams-soak/command.ts'

/** Restarts servers for as long as it takes to see what is rare, and exits with 0 only if nothing was lost. */
const soak: Command<SoakOptions, SoakOutcome[]> = {
  name: 'soak',
  help,
  parse: parseArguments,
  async work(options, context) {
    const outcomes: SoakOutcome[] = []
    for (const server of options.servers) {
      const outcome = await runSoak(server, options, context)
      if (context.interrupted.aborted) break
      // Each as soon as there is one: the next may take a quarter of an hour.
      printOutcome(outcome)
      outcomes.push(outcome)
    }
    return outcomes
  },
  report(options, outcomes) {
    if (outcomes.length > 1) printTotal(outcomes)
    return outcomes.flatMap((outcome) =>
      unmetExpectations(options, outcome).map((unmet) => `${outcome.name}: ${unmet}`),
    )
  },
}

await (process.argv.includes('--streams') ? runCommand(streamsCommand) : runCommand(soak))
