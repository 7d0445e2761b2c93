import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { leftovers, startDelayProxy, startTraffic, type TrafficOptions } from '@zerodrop/traffic'

const undo = leftovers()
afterEach(() => undo.disposeAll())

interface Site {
  version: string
  sockets: Set<Socket>
  server: http.Server
  port: number
  proxyPort: number
  /** What the next requests get instead of their answer. */
  instead: ((response: http.ServerResponse) => void) | undefined
}

/** A server with the three paths the traffic asks for, and a proxy before it. */
async function startSite(): Promise<Site> {
  const server = http.createServer((request, response) => {
    let bytes = 0
    const answer = (): void => {
      if (site.instead) site.instead(response)
      else response.end(JSON.stringify({ version: site.version, pid: process.pid, bytes }))
    }
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => (request.url?.startsWith('/slow') ? setTimeout(answer, 100) : answer()))
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.add(() => server.closeAllConnections())
  undo.add(() => server.close())
  const { port } = server.address() as AddressInfo
  const proxy = await startDelayProxy({ targetPort: port, roundTrip: 30 })
  undo.add(() => proxy.close())
  const site: Site = { version: 'a', sockets, server, port, proxyPort: proxy.port, instead: undefined }
  return site
}

function start(site: Site, options: Partial<TrafficOptions> = {}) {
  const counts = { keepAliveClients: 10, connectionClients: 2, slowClients: 2, uploadClients: 2 }
  const traffic = startTraffic({ port: site.proxyPort, directPort: site.port, ...counts, ...options })
  undo.add(() => traffic.stop())
  return traffic
}

test('a server that stays loses nothing', async () => {
  const site = await startSite()
  const traffic = start(site)
  await traffic.after(300)
  site.version = 'b'
  traffic.mark('new version')
  await traffic.after(300)
  const report = await traffic.stop()
  expect(report).toMatchObject({ lost: 0, refused: 0, unavailable: 0, losses: [], versions: ['a', 'b'] })
  expect(report.connections).toEqual({ clients: 14, opened: 14, kept: 14, closed: 0, reset: 0 })
  expect(report.requests).toBeGreaterThanOrEqual(600)
  for (const kind of Object.values(report.byKind)) expect(kind.answered).toBeGreaterThan(0)
  const { quiet, around } = report.latency
  expect(quiet.count + around.count).toBe(report.byKind.quick.answered)
  expect(quiet.p50).toBeGreaterThanOrEqual(29)
  expect(around.max).toBeGreaterThanOrEqual(around.p50)
})

test('a server that destroys connections loses requests', async () => {
  const site = await startSite()
  const traffic = start(site)
  await traffic.after(100)
  traffic.mark('destroyed')
  for (const socket of site.sockets) socket.destroy()
  await traffic.after(200)
  const report = await traffic.stop()
  expect(report.lost).toBeGreaterThan(0)
  expect(report.losses[0]).toMatchObject({ mark: 'destroyed', reason: expect.stringContaining('lost:') })
  expect(report.connections.kept).toBe(0)
  // Each new connection has its reason.
  const { clients, opened, closed, reset } = report.connections
  const lostKept = report.lost - report.byKind.connection.lost
  expect(opened).toBe(clients + closed + reset + lostKept)
})

test('distance shows what closing idle connections costs', async () => {
  const site = await startSite()
  const traffic = start(site, {
    keepAliveClients: 30,
    connectionClients: 0,
    slowClients: 0,
    uploadClients: 0,
  })
  await traffic.after(100)
  // The request that is already on its way to a connection that is closed now is lost.
  site.server.closeIdleConnections()
  await traffic.after(100)
  const report = await traffic.stop()
  expect(report.lost).toBeGreaterThan(0)
  // How many of them it notices before it sends its next request depends on the machine.
  const { clients, opened, closed, reset } = report.connections
  expect(opened).toBe(clients + closed + reset + report.lost)
})

test('connections that the server closes politely are closed, not lost', async () => {
  const site = await startSite()
  const traffic = start(site)
  await traffic.after(50)
  site.instead = (response) => {
    response.setHeader('connection', 'close')
    response.end(JSON.stringify({ version: 'c', pid: 1 }))
  }
  await traffic.after(100)
  site.instead = undefined
  await traffic.after(100)
  const report = await traffic.stop()
  expect(report.byKind.quick.lost).toBe(0)
  expect(report.connections.closed).toBeGreaterThanOrEqual(10)
  expect(report.versions).toEqual(['a', 'c'])
})

test.each<[string, (response: http.ServerResponse) => void]>([
  ['wrong answer: 200', (response) => response.end('{"version":"a"}')],
  ['wrong answer: 500', (response) => response.writeHead(500).end()],
  ['wrong answer: 503', (response) => response.writeHead(503).end()],
  [
    'truncated',
    (response) => response.writeHead(200, { 'content-length': 9 }).write('cut', () => response.destroy()),
  ],
])('an answer is lost if it is: %s', async (reason, fault) => {
  const site = await startSite()
  site.instead = fault
  const traffic = start(site)
  await traffic.after(100)
  const report = await traffic.stop()
  expect(report.answered).toBe(report.byKind.slow.answered)
  expect(report.lost).toBeGreaterThanOrEqual(50)
  expect(report.losses).toHaveLength(10)
  expect(report.losses[0]?.reason).toContain(reason)
})

test('a 503 is an answer only for who allows it', async () => {
  const site = await startSite()
  site.instead = (response) => response.writeHead(503).end()
  const traffic = start(site, { allowUnavailable: true })
  await traffic.after(50)
  const report = await traffic.stop()
  expect(report.lost).toBe(0)
  expect(report.unavailable).toBe(report.answered)
})

test('a server that is gone refuses, and what waited is let go', async () => {
  const site = await startSite()
  site.server.close()
  site.server.closeAllConnections()
  await once(site.server, 'close')
  const traffic = start(site, { port: site.port, slowClients: 0, uploadClients: 0 })
  const waiting = traffic.after(1_000_000)
  await traffic.after(50)
  const report = await traffic.stop()
  await waiting
  expect(report).toMatchObject({ requests: 0, lost: 0 })
  expect(report.refused).toBeGreaterThanOrEqual(50)
  expect(report.connections.opened).toBe(0)
})
