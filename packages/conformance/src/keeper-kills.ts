import { parseCommandLine, wholeNumber } from './command-line.ts'
import { runCommand } from './command.ts'
import { planOf } from './keeper-kills/plan.ts'
import { runTrial, type Trial } from './keeper-kills/trial.ts'

interface Options {
  readonly kills: number
  readonly seed: number
}

/** Kills a keeper, the serving generation or its successor at random moments, and checks that the rest recovers or exits. */
await runCommand<Options, readonly Trial[]>({
  name: 'keep-pid -- --kills',
  help: 'Usage: npm run keep-pid -- --kills <n> [--seed <n>]',
  parse(args) {
    const { values } = parseCommandLine({
      args,
      options: {
        kills: { type: 'string', default: '100' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      },
    })
    return {
      kills: wholeNumber('--kills', values.kills, [1, 100_000]),
      seed: wholeNumber('--seed', values.seed, [0, 1_000_000_000]),
    }
  },
  async work({ kills, seed }, { progress, undo }) {
    const trials: Trial[] = []
    for (let index = 0; index < kills; index++) {
      const plan = planOf(seed, index)
      progress.step(() => `Kill ${index + 1} of ${kills}: ${plan.way}, the ${plan.victim}`)
      const trial = await runTrial(plan, undo)
      trials.push(trial)
      if (trial.fault !== undefined)
        progress.done(`seed ${seed}, kill ${index}: ${trial.outcome}: ${trial.fault}`)
    }
    progress.stop()
    return trials
  },
  report({ seed }, trials) {
    console.log(tableOf(trials))
    return trials.flatMap(({ fault }, index) =>
      fault === undefined ? [] : [`seed ${seed}, kill ${index}: ${fault}`],
    )
  },
})

/** Counts each outcome for each kind of victim. */
function tableOf(trials: readonly Trial[]): string {
  const counts = new Map<string, number>()
  for (const { plan, outcome } of trials) {
    const key = `| ${plan.way} | ${plan.victim} | ${outcome} |`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const rows = [...counts]
    .map(([key, count]) => `${key} ${count} |`)
    .sort((one, two) => one.localeCompare(two))
  return ['| way | killed | what came of it | times |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
