import { parseCommandLine, wholeNumber } from '../command-line.ts'

export interface StreamsOptions {
  readonly restarts: number
  /** WebSockets, and as many event streams. Of each half are 30 ms away. */
  readonly clients: number
  /** Milliseconds between two restarts. */
  readonly pause: number
  /** Whether the server runs below `zerodrop run`. */
  readonly keeper: boolean
}

export const help = `Restarts a server with open WebSockets and event streams, and counts what their clients notice.

Usage: npm run soak -- --streams [options]

Each WebSocket client sends numbered messages and gets an answer to each, some of them from asynchronous handlers; the server
pushes numbered messages and pings. Each event stream has numbered events. Half of the clients are behind a proxy that adds a
round trip of 30 ms.

  --restarts <n>  how many restarts, 1 to 10000 (10)
  --clients <n>   how many WebSockets, and how many event streams, 2 to 10000 (500)
  --pause <ms>    milliseconds between two restarts, 0 to 60000 (1000)
  --keeper        run the server below "zerodrop run", and signal that process: its pid never changes
  --help          print this

Exits with 0 if nothing was lost, doubled or out of order, and nothing was closed; with 1 if not.`

/** @throws UsageError */
export function parseArguments(args: string[]): StreamsOptions | 'help' {
  const { values } = parseCommandLine({
    args,
    options: {
      streams: { type: 'boolean' },
      restarts: { type: 'string', default: '10' },
      clients: { type: 'string', default: '500' },
      pause: { type: 'string', default: '1000' },
      keeper: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  return {
    restarts: wholeNumber('--restarts', values.restarts, [1, 10_000]),
    clients: wholeNumber('--clients', values.clients, [2, 10_000]),
    pause: wholeNumber('--pause', values.pause, [0, 60_000]),
    keeper: values.keeper,
  }
}
