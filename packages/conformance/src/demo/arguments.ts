import path from 'node:path'
import { UsageError } from '../command.ts'
import { parseCommandLine, serverScript, wholeNumber } from '../command-line.ts'
import { repository } from '../repository.ts'

export interface DemoOptions {
  /** How the server is called in what the demo says. */
  readonly name: string
  /** The script that is deployed. */
  readonly server: string
  readonly restarts: number
  /** Clients that keep their connection; a few of other kinds come on top. */
  readonly clients: number
  /** Whether the server runs below `zerodrop run`. */
  readonly keeper: boolean
}

const frameworks = ['express', 'koa', 'fastify']

export const help = `Restarts a server under load, and counts what its clients notice.

Usage: npm run demo -- [express | koa | fastify] [options]

The server is the example of that framework (express if none is named), in a process of its own. Each restart is a
deploy: a new release folder, a \`current\` symlink moved to it, and SIGHUP.

Options:
  --restarts <n>   how many deploys, 1 to 1000 (10)
  --clients <n>    clients that keep their connection, through a proxy that adds a round trip of 30 ms,
                   1 to 1000 (50); on top come 4 that connect for every request, 4 with slow requests, 4 that upload
  --server <file>  deploy this script instead of an example. It has to serve /, /slow and /upload, as they do, on
                   the port in PORT, and print a line of JSON: {"event":"listening","pid":...,"version":"..."}
  --keeper         run the server below "zerodrop run", and signal that process: its pid never changes
  --help           print this

Exits with 0 if nothing was lost, nothing was refused, every connection was kept and every version answered in its
turn; with 1 if not, 2 if the arguments are wrong.`

/** @throws UsageError */
export function parseArguments(args: string[]): DemoOptions | 'help' {
  const { values, positionals } = parseCommandLine({
    args,
    allowPositionals: true,
    options: {
      restarts: { type: 'string', default: '10' },
      clients: { type: 'string', default: '50' },
      server: { type: 'string' },
      keeper: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const [framework, ...more] = positionals
  if (more.length > 0) throw new UsageError(`One framework at a time, not "${positionals.join(' ')}".`)
  if (framework !== undefined && !frameworks.includes(framework))
    throw new UsageError(`There is no example for "${framework}". There is one for ${frameworks.join(', ')}.`)
  if (framework !== undefined && values.server !== undefined)
    throw new UsageError(`Either the example for ${framework} or --server ${values.server}, not both.`)
  const restarts = wholeNumber('--restarts', values.restarts, [1, 1000])
  const clients = wholeNumber('--clients', values.clients, [1, 1000])
  if (values.server !== undefined) {
    const server = serverScript(values.server)
    return { name: path.basename(server), server, restarts, clients, keeper: values.keeper }
  }
  const name = `${framework ?? 'express'}-basic`
  const server = path.join(repository, 'examples', name, 'server.js')
  return { name, server, restarts, clients, keeper: values.keeper }
}
