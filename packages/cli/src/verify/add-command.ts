import type { Command } from 'commander'
import { Failure } from '../fail.ts'
import { InvalidArgumentError } from '../required.ts'
import type { VerifyFlags } from './flags.ts'

/** Adds `zerodrop verify`. Its code is loaded on first use. */
export function addVerify(
  program: Command,
  version: string,
  guarded: (action: () => Promise<void>) => Promise<void>,
): void {
  program
    .command('verify')
    .description(
      'send requests to a server, stop it or deploy over it, and report what became of each request',
    )
    .argument(
      '[command...]',
      'the command that starts the server, after two dashes: zerodrop verify -- node server.js',
    )
    .option('--get <path>', 'a route that answers at once', '/')
    .option('--slow <path>', 'a route that takes a while, such as 500 ms')
    .option('--large <path>', 'a route with a response of several megabytes')
    .option('--upload <path>', 'a route that takes a POST with a body')
    .option('--sse <path>', 'an event stream')
    .option('--ws <path>', 'a WebSocket')
    .option('--h2', 'use HTTP/2 as well', false)
    .option('--url <url>', 'the address of the server (default: detected)')
    .option('--pid <pid>', 'a server that is already running, instead of a command', wholeNumber)
    .option('--stop <signal>', 'stop it with this signal (default: SIGTERM, or the STOPSIGNAL of the image)')
    .option('--restart <signal>', 'deploy over it with this signal instead')
    .option(
      '--restart-command <command>',
      'deploy over it with this command instead; ZERODROP_VERIFY_PID is the pid, PORT the port',
    )
    .option('--break <command>', 'breaks the next version, for the broken deploy')
    .option('--mend <command>', 'undoes --break')
    .option('--rtt <ms>', "the network's round trip", wholeNumber, 30)
    .option(
      '--limit <ms>',
      'a server or a response that takes longer counts as hung (default: 15000; 10000 for a container that stops, as docker stop waits)',
      wholeNumber,
    )
    .option('--start-limit <ms>', 'how long the server may take to answer at the start', wholeNumber, 20_000)
    .option('--jobs <n>', 'how many servers run side by side, if the server listens on PORT', wholeNumber, 6)
    .option('--repeat <n>', 'run each situation this many times', wholeNumber, 1)
    .option('--only <names>', 'only these situations, separated by commas', names)
    .option('--list', 'list the situations', false)
    .option('--json', 'print a report as JSON', false)
    .option('--junit <file>', 'write a report as JUnit XML')
    .option('--html <file>', 'write a report as one HTML page, with a timeline of each situation')
    .option('--github', 'print annotations for GitHub Actions, and write its step summary', false)
    .option('--baseline <file>', 'fail only for failures that this --json report does not have')
    .option(
      '--docker <image>',
      'verify a container of this image; the words after the two dashes are its command',
    )
    .showHelpAfterError(
      "(The server's command, with its own flags, comes after two dashes: zerodrop verify -- node server.js)",
    )
    .action(async (command: string[], flags: VerifyFlags) =>
      guarded(async () => {
        const { verify } = await import('./command.ts')
        try {
          process.exitCode = await verify(command, flags, version)
        } catch (error) {
          // Status 1 means that a request was lost; an unexpected error does not show that.
          throw error instanceof Failure ? error : Object.assign(error as Error, { status: 2 })
        }
      }),
    )
}

function names(value: string, before: string[] = []): string[] {
  return [...before, ...value.split(',').map((name) => name.trim())]
}

function wholeNumber(value: string): number {
  if (/^\d+$/.test(value) && Number.isSafeInteger(Number(value))) return Number(value)
  throw new InvalidArgumentError('It has to be a whole number.')
}
