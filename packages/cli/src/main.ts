#!/usr/bin/env node
import { createRequire } from 'node:module'
import { type AskFlags, restart, status, stop } from './ask.ts'
import { fail } from './fail.ts'
import { Command, InvalidArgumentError, Option } from './required.ts'
import { run } from './run.ts'
import { addVerify } from './verify/add-command.ts'

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

const program = new Command('zerodrop')
  .description(
    'Runs a Node.js server so that restarts and stops lose no request, under a pid that never changes.',
  )
  .version(version)
  .enablePositionalOptions()
  .exitOverride(({ code, message, exitCode }) => {
    if (exitCode !== 0 && wantsJson(process.argv.slice(2)))
      process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`)
    process.exit(exitCode === 0 ? 0 : 2)
  })

program
  .command('run')
  .description(
    'run a server under a keeper: a small process that holds the pid and the ports through all restarts',
  )
  .argument('<script>', 'the server')
  .argument('[args...]', "the server's own arguments")
  .option(
    '--node-option <option>',
    'an option for Node, such as --node-option=--import=tsx; repeatable',
    collect,
    [],
  )
  .option(
    '--respawn',
    'start the server again when it crashes, and keep its ports open in the meantime',
    false,
  )
  .option('--max-crashes <n>', 'with --respawn: exit after this many crashes in a row', wholeNumber, 10)
  .addOption(
    new Option(
      '--on-keeper-death <action>',
      'what the server does if this process is killed: stop, or serve on under its own pid; overrides its option onKeeperDeath',
    ).choices(['drain', 'serve']),
  )
  .option('--no-register', 'do not load zerodrop into a server that does not use it')
  .option('--control <path>', 'the socket for restart, stop and status (mode 0600)')
  .passThroughOptions()
  .action(guarded(run))

for (const [name, description, action] of [
  ['restart', 'start the new code, wait until it serves, and print the result', restart],
  ['stop', 'let the server finish its requests, and wait until it has ended', stop],
  ['status', 'print what the server is doing', status],
] as const) {
  const command = program
    .command(name)
    .description(description)
    .argument('[pid]', 'the pid of `zerodrop run`')
    .option('--control <path>', 'the control socket of `zerodrop run`')
    .option('--timeout <ms>', 'give up after this many milliseconds', wholeNumber, 90_000)
    .option('--json', 'print JSON', false)
  if (name === 'status') command.option('--watch', 'print it again each second until it ends', false)
  command.action((pid: string | undefined, flags: AskFlags) =>
    action(pid, flags).catch((error: unknown) => fail(error, flags.json)),
  )
}

addVerify(program, version, (action) => action().catch((error: unknown) => fail(error)))

await program.parseAsync()

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

function wholeNumber(value: string): number {
  if (/^\d+$/.test(value) && Number.isSafeInteger(Number(value))) return Number(value)
  throw new InvalidArgumentError('It has to be a whole number.')
}

/** Whether a rejected command line asked for JSON. */
function wantsJson([verb = '', ...args]: readonly string[]): boolean {
  return ['restart', 'stop', 'status'].includes(verb) && args.includes('--json')
}

/** Prints the error of an action as one line, and exits with the error's status. */
function guarded<Args extends unknown[]>(
  action: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  return (...args) => action(...args).catch((error: unknown) => fail(error))
}
