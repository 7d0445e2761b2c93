import type { Command } from '../command.ts'
import { help, parseArguments, type StreamsOptions } from './arguments.ts'
import { runStreamsSoak, type StreamsOutcome } from './run.ts'

const names: Readonly<Record<string, string>> = {
  echoes: 'echoes',
  answers: 'asynchronous answers',
  pushes: 'pushes',
  pings: 'pings',
  events: 'events of streams',
}

/** `npm run soak -- --streams` */
export const streamsCommand: Command<StreamsOptions, StreamsOutcome> = {
  name: 'soak',
  help,
  parse: parseArguments,
  work: runStreamsSoak,
  report({ clients, restarts, keeper }, outcome) {
    const { tallies, problem, seconds } = outcome
    console.log(
      `\n${clients} WebSockets and ${clients} event streams, Node ${process.version}, ` +
        `${outcome.restarts} restarts ${keeper ? 'below a keeper ' : ''}in ${seconds.toFixed(0)} s\n`,
    )
    const row = (cells: readonly (string | number)[]): void =>
      console.log(
        cells
          .map((cell, index) => (index === 0 ? String(cell).padEnd(24) : String(cell).padStart(12)))
          .join(''),
      )
    row(['', 'received', 'lost', 'duplicated', 'reordered', 'closed'])
    for (const [key, { received, lost, duplicated, reordered, closed }] of Object.entries(tallies))
      row([names[key] ?? key, received.toLocaleString('en'), lost, duplicated, reordered, closed])
    const unmet = Object.entries(tallies).flatMap(([key, { faults, received, example }]) => {
      if (faults > 0) return [`${names[key]}: ${faults} wrong, such as: ${example}`]
      return received === 0 ? [`${names[key]}: none came`] : []
    })
    if (outcome.restarts < restarts) unmet.push(`${outcome.restarts} restarts of ${restarts}`)
    if (problem !== undefined) unmet.push(problem.message)
    return unmet
  },
}
