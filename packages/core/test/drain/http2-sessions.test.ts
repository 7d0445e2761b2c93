import { EventEmitter } from 'node:events'
import http2 from 'node:http2'
import { PassThrough } from 'node:stream'
import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { Connections } from '../../src/connections/connections.ts'
import { describeCut } from '../../src/drain/cut.ts'
import { Http2Drain } from '../../src/drain/http2-drain.ts'
import { FakeSystem } from '../fake-system.ts'

/** How often a session or a stream was accessed. */
let lookups = 0

test('what is looked up for each HTTP/2 session does not grow with the number of sessions', () => {
  const few = lookupsFor(1000)
  expect(few).toBeGreaterThan(0)
  expect(lookupsFor(4000)).toBe(4 * few)
})

test.each(['over TCP', 'over a Unix socket'])('a GOAWAY goes to the socket of its session %s', (way) => {
  const { connections, sockets } = serve(3, way === 'over TCP')
  new Http2Drain(connections, new FakeSystem()).announce()
  for (const socket of sockets) expect(socket.read()).toHaveLength(17)
})

/** Announces a drain and lists the in-flight requests, with one stream on each session. */
function lookupsFor(count: number): number {
  const { connections } = serve(count, false)
  lookups = 0
  new Http2Drain(connections, new FakeSystem()).announce()
  expect(describeCut(connections, { now: 0, began: () => 0 })).toHaveLength(count)
  connections.handshaking()
  return lookups
}

function serve(count: number, tcp: boolean): { connections: Connections; sockets: PassThrough[] } {
  const server = http2.createServer()
  let session: ServerHttp2Session
  // Replaces Node's listener, which would create its own sessions for these sockets.
  server.removeAllListeners('connection')
  server.on('connection', () => server.emit('session', session))
  const connections = new Connections(server, () => 0)
  const sockets = Array.from({ length: count }, (_, port) =>
    Object.assign(new PassThrough(), tcp && { remoteAddress: '127.0.0.1', remotePort: port }),
  )
  for (const socket of sockets) {
    session = counted(new FakeSession()) as unknown as ServerHttp2Session
    server.emit('connection', socket as unknown as Socket)
    server.emit('stream', counted(new FakeStream(session)), { ':method': 'GET', ':path': '/' })
  }
  return { connections, sockets }
}

class FakeSession extends EventEmitter {
  readonly destroyed = false
  readonly closed = false
  get socket(): never {
    throw new Error('the session would have given a proxy')
  }
  ping(): void {}
  goaway(): void {}
}

class FakeStream extends EventEmitter {
  readonly state = { remoteClose: 1 }
  readonly headersSent = false
  readonly session: ServerHttp2Session
  constructor(session: ServerHttp2Session) {
    super()
    this.session = session
  }
}

function counted<Target extends object>(target: Target): Target {
  return new Proxy(target, {
    get(_, name) {
      lookups++
      return Reflect.get(target, name, target) as unknown
    },
  })
}
