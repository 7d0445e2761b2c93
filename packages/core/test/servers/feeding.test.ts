import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import { DrainingSignals } from '../../src/drain/draining-signals.ts'
import { ManagedServers } from '../../src/servers/managed-servers.ts'
import { FakeSystem } from '../fake-system.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each()
})

const pem = (name: string): Buffer =>
  readFileSync(path.join(__dirname, '../../../conformance/fixtures/tls', `${name}.pem`))

/** A listening server of the process, with a server that is fed by it. */
async function listen(front: net.Server, event: string) {
  const servers = new ManagedServers(new FakeSystem(), new DrainingSignals(), () => false)
  const server = http.createServer((_request, response) => response.end('here'))
  front.once(event, (socket: net.Socket) => servers.addFed(server, socket))
  front.on(event, (socket: net.Socket) => server.emit('connection', socket))
  front.listen(0, '127.0.0.1')
  undo.push(
    () => front.close(),
    () => server.close(),
  )
  await once(front, 'listening')
  servers.add(
    { server: front, requested: undefined, options: {}, fresh: true, unixPath: undefined },
    false,
    () => undefined,
  )
  return { servers, server, port: (front.address() as net.AddressInfo).port }
}

test.each(['net', 'tls'] as const)('a %s server in front hands over its connections', async (kind) => {
  const isSecure = kind === 'tls'
  const front = isSecure ? tls.createServer({ key: pem('key'), cert: pem('cert') }) : net.createServer()
  const { servers, server, port } = await listen(front, isSecure ? 'secureConnection' : 'connection')
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false }
  for (let count = 1; count <= 2; count++) {
    const client = isSecure ? tls.connect(options) : net.connect(options)
    undo.push(() => client.destroy())
    client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await once(client, 'data')
    expect(servers.get(front)?.connections.all).toEqual([])
    expect(servers.get(front)?.connections.handshaking()).toEqual([])
    expect(servers.get(server)?.connections.idle().size).toBe(count)
  }
  expect(servers.get(server)?.fedBy).toEqual(new Set([front]))
  expect(servers.fedOnlyBy([front])).toEqual([servers.get(server)])
  servers.delete(front)
  expect(servers.isServing).toBe(false)
})

test.each([
  ['no HTTP', () => net.createServer()],
  [
    'HTTP on a Node that makes its list of connections elsewhere',
    () => http.createServer().removeAllListeners('listening'),
  ],
])('a server of %s is not tracked when it is fed', (_kind, create) => {
  const servers = new ManagedServers(new FakeSystem(), new DrainingSignals(), () => false)
  const server = create()
  expect(servers.addFed(server, new net.Socket())).toBe(false)
  expect(servers.open).toEqual([])
})
