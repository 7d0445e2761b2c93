import path from 'node:path'
import { UsageError } from '../command.ts'
import { parseCommandLine, serverScript, wholeNumber } from '../command-line.ts'
import { repository } from '../repository.ts'

export interface SoakServer {
  /** How the server is called in what the soak says. */
  readonly name: string
  readonly script: string
}

export interface SoakOptions {
  /** One after the other. */
  readonly servers: readonly SoakServer[]
  /** Of each server, as everything below. */
  readonly restarts: number
  readonly requests: number
  /** Plain keep-alive clients, half of them direct and half 30 ms away; the other kinds come on top. */
  readonly clients: number
  /** Restart nothing: start and stop another process instead. */
  readonly control: boolean
  /** Whether the server runs below `zerodrop run`. */
  readonly keeper: boolean
}

const frameworks = ['express', 'koa', 'fastify']

/** In all three frameworks together over a million. */
const REQUESTS = Math.ceil(1_000_000 / frameworks.length)

export const help = `Restarts servers under mixed load for long enough to see what is rare, and counts what clients notice.

Usage: npm run soak -- [express] [koa] [fastify] [options]

One server after the other, all three if none is named. Each is one process that serves HTTP/1.1 with and without TLS
and HTTP/2 with and without TLS, and is restarted by SIGHUP, evenly over the run.

Options, for each server:
  --restarts <n>   how many restarts at least, 1 to 10000 (100)
  --requests <n>   how many requests at least, 1 to 100000000 (${REQUESTS})
  --clients <n>    plain keep-alive clients, half of them through a proxy that adds a round trip of 30 ms,
                   2 to 1000 (40); on top come the clients of the other kinds, whose numbers do not change
  --server <file>  soak this script instead. It has to serve what packages/conformance/fixtures/soak/kit.mjs does, on
                   the ports in PORT, HTTPS_PORT, H2_PORT and H2C_PORT, and to print a line of JSON when it listens:
                   {"event":"listening","pid":...,"version":"<generation, from 1 on>"}
  --control        restart nothing: each time start the same server beside it, on other ports, and stop it again.
                   Shows how much of the latency around a restart is what any start of a process costs on this machine
  --streams        open WebSockets and event streams instead: see npm run soak -- --streams --help
  --keeper         run each server below "zerodrop run", and signal that process: its pid never changes
  --help           print this

Exits with 0 if nothing was lost, nothing was refused, every plain connection was kept and every generation answered;
and, from 8 restarts on, memory and descriptors stayed flat and the p99 of the clients that are 30 ms away was around
restarts at most twice that of quiet times. With 1 if not, 2 if the arguments are wrong. docs/soak.md explains the figures.`

/** @throws UsageError */
export function parseArguments(args: string[]): SoakOptions | 'help' {
  const { values, positionals } = parseCommandLine({
    args,
    allowPositionals: true,
    options: {
      restarts: { type: 'string', default: '100' },
      requests: { type: 'string', default: String(REQUESTS) },
      clients: { type: 'string', default: '40' },
      server: { type: 'string' },
      control: { type: 'boolean', default: false },
      keeper: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  return {
    servers: serversOf(positionals, values.server),
    restarts: wholeNumber('--restarts', values.restarts, [1, 10_000]),
    requests: wholeNumber('--requests', values.requests, [1, 100_000_000]),
    clients: wholeNumber('--clients', values.clients, [2, 1000]),
    control: values.control,
    keeper: values.keeper,
  }
}

function serversOf(named: readonly string[], file: string | undefined): SoakServer[] {
  const unknown = named.find((name) => !frameworks.includes(name))
  if (unknown !== undefined)
    throw new UsageError(`There is no server for "${unknown}". There is one for ${frameworks.join(', ')}.`)
  if (file === undefined) {
    const names = named.length > 0 ? [...new Set(named)] : frameworks
    const folder = path.join(repository, 'packages/conformance/fixtures/soak')
    return names.map((name) => ({ name, script: path.join(folder, `${name}.mjs`) }))
  }
  if (named.length > 0) throw new UsageError(`Either ${named.join(' ')} or --server ${file}, not both.`)
  const script = serverScript(file)
  return [{ name: path.basename(script), script }]
}
