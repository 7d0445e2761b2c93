import http from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import { duplexPair, type Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { Connections } from '../../src/connections/connections.ts'
import { DrainingSignals } from '../../src/drain/draining-signals.ts'
import { ServerDrain } from '../../src/drain/server-drain.ts'
import type { ServerDrainOptions } from '../../src/drain/server-drain-options.ts'
import type { CutConnection } from '../../src/events/drain-report.ts'
import { FakeSystem } from '../fake-system.ts'

export interface Client {
  readonly stream: Duplex
  /** The responses to requests that reached the application, in order. */
  readonly responses: ServerResponse[]
  ask(count: number): void
}

interface Served {
  readonly server: Server
  readonly system: FakeSystem
  readonly drain: ServerDrain
  /** The requests that were cut before the deadline. */
  readonly cut: readonly CutConnection[]
  readonly open: () => Client
  /** Ends everything. */
  readonly end: () => void
}

export const options: Omit<ServerDrainOptions, 'onCut'> = {
  lingerTimeout: 60_000,
  firstRequestTimeout: 60_000,
  closeSpread: 0,
  closeCode: 1001,
  policy: 'serve',
  migrates: false,
  onStopping: () => {},
}

/** A draining server with in-memory clients. */
export function serve(given: Partial<ServerDrainOptions> = {}): Served {
  const server = http.createServer()
  // Node keeps its list of connections from this point on.
  server.emit('listening')
  const connections = new Connections(server, () => 0)
  connections.track()
  const cut: CutConnection[] = []
  const system = new FakeSystem()
  const drain = new ServerDrain(system, connections, new DrainingSignals(), {
    ...options,
    onCut: (connection) => cut.push(connection),
    ...given,
  })
  const byStream = new Map<unknown, ServerResponse[]>()
  server.on('request', (request, response) => {
    response.on('error', () => {})
    request.on('error', () => {})
    byStream.get(request.socket)?.push(response)
  })
  const open = (): Client => {
    const [here, there] = duplexPair()
    here.on('error', () => {})
    there.on('error', () => {}).resume()
    const responses: ServerResponse[] = []
    // A server accepts any stream, as Node documents, but uses these two members of a socket.
    byStream.set(Object.assign(here, { setTimeout: () => here, destroySoon: () => here.end() }), responses)
    server.emit('connection', here as unknown as Socket)
    return {
      stream: there,
      responses,
      ask: (count) => {
        if (there.writable) there.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count))
      },
    }
  }
  const end = (): void => {
    drain.destroy()
    drain.dispose()
    server.close()
  }
  return { server, system, drain, cut, open, end }
}
