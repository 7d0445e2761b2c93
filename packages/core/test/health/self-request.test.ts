import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http'
import { createServer as createHttp2Server, createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { Server as TlsServer, type TLSSocket } from 'node:tls'
import { checkHeader, checkProperty, isCheck } from '../../src/health/self-socket.ts'
import { requestSelf } from '../../src/health/self-request.ts'
import { Connections } from '../../src/connections/connections.ts'
import { countConnections, noConnections } from '../../src/connections/count.ts'
import { FakeSystem } from '../fake-system.ts'

const kinds: [name: string, create: (answer: never) => unknown][] = [
  ['http', (answer) => createHttpServer(answer)],
  ['https', (answer) => createHttpsServer(answer)],
  ['http2', (answer) => createHttp2Server(answer)],
  ['secure http2', (answer) => createSecureServer({}, answer)],
]

const system = new FakeSystem()
const never = new AbortController().signal
const request = { path: '/warm?a=1', kind: 'warm-up', timeout: 10_000, abort: never } as const
const create = (make: (answer: never) => unknown, answer: RequestListener): Server =>
  make(answer as never) as Server

describe.each(kinds)('a server of %s', (_name, make) => {
  test('receives the request in process, and can recognise it', async () => {
    const seen: unknown[] = []
    const server = create(make, (asked, response) => {
      const socket = asked.socket as unknown as Record<symbol, unknown>
      seen.push([
        asked.method,
        asked.url,
        asked.headers[checkHeader],
        socket[checkProperty],
        isCheck(asked.socket),
      ])
      response.statusCode = 503
      response.end('x'.repeat(100_000))
    })
    await expect(requestSelf(system, server, request)).resolves.toBe(503)
    expect(seen).toEqual([['GET', '/warm?a=1', 'warm-up', 'warm-up', true]])
  })

  test('sees a loopback client, and the client properties of a TLS socket', async () => {
    const seen: unknown[] = []
    const server = create(make, ({ socket }, response) => {
      const { remoteAddress, remoteFamily, localAddress } = socket
      seen.push(remoteAddress, remoteFamily, localAddress)
      const secure = socket as TLSSocket
      if (secure.encrypted)
        seen.push([secure.getPeerCertificate(), secure.getCipher().name, secure.isSessionReused()])
      response.end()
    })
    await expect(requestSelf(system, server, request)).resolves.toBe(200)
    const isSecure = server instanceof TlsServer
    expect(seen).toEqual(['127.0.0.1', 'IPv4', '127.0.0.1', ...(isSecure ? [[{}, '(NONE)', false]] : [])])
  })

  test('stops counting the request once it is over', async () => {
    const server = create(make, (_asked, response) => void response.end('done'))
    const connections = new Connections(server, () => 0)
    await Promise.all([requestSelf(system, server, request), requestSelf(system, server, request)])
    expect(countConnections(connections, () => false)).toEqual(noConnections)
    expect([connections.size, connections.sessions.size, connections.streams.size]).toEqual([0, 0, 0])
    connections.dispose()
  })
})

describe.each(kinds.slice(0, 2))('a server of %s', (_name, make) => {
  test('has answered once it sends the head of an endless stream', async () => {
    const clock = new FakeSystem()
    const setTimeout = clock.setTimeout.bind(clock)
    // The wait for the body lasts one second.
    clock.setTimeout = (callback, milliseconds) =>
      setTimeout(callback, milliseconds === 1000 ? 0 : milliseconds)
    let ended: Promise<unknown> = Promise.resolve()
    const server = create(make, (_asked, response) => {
      ended = new Promise((resolve) => response.on('close', resolve))
      response.write('data: 1\n\n')
    })
    const asking = requestSelf(clock, server, request)
    const ticking = setInterval(() => clock.advance(0), 5)
    await expect(asking).resolves.toBe(200)
    clearInterval(ticking)
    await ended
    expect(clock.timers).toBe(0)
  })

  test('is given up on if it does not answer', async () => {
    const clock = new FakeSystem()
    const server = create(make, () => {})
    const asking = requestSelf(clock, server, request)
    clock.advance(10_000)
    await expect(asking).rejects.toThrow('no answer within 10000 ms')
    expect(clock.timers).toBe(0)
  })

  test('receives no request after the wait is over', async () => {
    const abort = new AbortController()
    const clock = new FakeSystem()
    const arrived = new Promise<IncomingMessage>((resolve) => {
      const server = create(make, resolve)
      requestSelf(clock, server, { ...request, abort: abort.signal }).catch(() => {})
    })
    const asked = await arrived
    const closed = new Promise((resolve) => asked.socket.once('close', resolve))
    abort.abort(new Error('stopped'))
    await closed
    expect(clock.timers).toBe(0)
  })
})

test.each([
  [
    'closes the connection',
    (asked: IncomingMessage) => void asked.socket.destroy(),
    'closed without an answer',
  ],
  [
    'resets the connection',
    (asked: IncomingMessage) => void asked.socket.resetAndDestroy(),
    'closed without an answer',
  ],
])('a server that %s', async (_name, answer, reason) => {
  await expect(requestSelf(system, createHttpServer(answer), request)).rejects.toThrow(reason)
})

test('the response after early hints counts', async () => {
  const server = createHttpServer((_asked, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    response.writeHead(500).end()
  })
  await expect(requestSelf(system, server, request)).resolves.toBe(500)
})
