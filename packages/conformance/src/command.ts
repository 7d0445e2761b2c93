import { constants } from 'node:os'
import { leftovers, type Leftovers } from '@zerodrop/traffic'
import { Progress } from './progress.ts'

/** What was typed cannot be meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A command of the repository, started by `npm run <name>`. */
export interface Command<Options, Outcome> {
  readonly name: string
  readonly help: string
  /** @throws UsageError */
  readonly parse: (args: string[]) => Options | 'help'
  /** What it starts is undone at the end, and at once when `interrupted`: then it has no more to say. */
  readonly work: (
    options: Options,
    context: { undo: Leftovers; progress: Progress; interrupted: AbortSignal },
  ) => Promise<Outcome>
  /** Prints the outcome, and returns in words what should not be so. */
  readonly report: (options: Options, outcome: Outcome) => string[]
}

/** Runs a command and ends the process: with 0 if all is as expected, 1 if not, 2 if the arguments are wrong. */
export async function runCommand<Options, Outcome>(command: Command<Options, Outcome>): Promise<never> {
  process.exitCode = await exitCodeOf(command)
  // The other side of an interrupted run may still wait for something, and by now that is of no interest.
  process.exit()
}

async function exitCodeOf<Options, Outcome>(command: Command<Options, Outcome>): Promise<number> {
  const { name, help } = command
  let options: Options | 'help'
  try {
    options = command.parse(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\nSee npm run ${name} -- --help`)
    return 2
  }
  if (options === 'help') {
    console.log(help)
    return 0
  }
  const undo = leftovers()
  const progress = new Progress()
  undo.add(() => progress.stop())
  const interruption = new AbortController()
  const interrupted = untilInterrupted()
  void interrupted.then(() => interruption.abort())
  try {
    const work = command.work(options, { undo, progress, interrupted: interruption.signal })
    const outcome = await Promise.race([work, interrupted])
    if (outcome instanceof Interruption) {
      progress.fail('Interrupted')
      return outcome.exitCode
    }
    const unexpected = command.report(options, outcome)
    for (const each of unexpected) console.error(`Not as expected: ${each}`)
    return unexpected.length > 0 ? 1 : 0
  } catch (error) {
    progress.fail(`The ${name} itself failed: ${(error as Error).stack}`)
    return 1
  } finally {
    await undo.disposeAll()
  }
}

class Interruption {
  readonly exitCode: number

  constructor(exitCode: number) {
    this.exitCode = exitCode
  }
}

/** Resolves with the exit code when a signal ends the command, or when its output has no reader. */
function untilInterrupted(): Promise<Interruption> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve(new Interruption(128 + constants.signals[signal])))
    for (const stream of [process.stdout, process.stderr])
      stream.on('error', () => resolve(new Interruption(1)))
  })
}
