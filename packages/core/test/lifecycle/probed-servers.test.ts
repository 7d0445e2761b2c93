import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { Duplex } from 'node:stream'
import { Adapter } from '../../src/lifecycle/adapter.ts'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import { FakeSystem } from '../fake-system.ts'
import { undoAfterEach } from '../undo-after-each.ts'

const undo = undoAfterEach()

function create(): { lifecycle: Lifecycle; adapter: Adapter } {
  const parts = wire(new FakeSystem())
  const lifecycle = new Lifecycle(parts)
  return { lifecycle, adapter: new Adapter(parts, lifecycle) }
}

async function listen(lifecycle: Lifecycle, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Its own `close()` would drain, and wait for the clock of the fake system.
  undo.push(() => {
    lifecycle.ignore(server)
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const here: http.RequestListener = (_request, response) => void response.end('here')

/** The status and body of a response, on a connection of its own. */
async function ask(port: number, path: string, method = 'GET'): Promise<string> {
  const request = http.request({ port, host: '127.0.0.1', path, method, agent: false }).end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return `${response.statusCode} ${Buffer.concat(await response.toArray()).toString()}`
}

async function ask2(port: number, path: string, method = 'GET'): Promise<string> {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  try {
    const stream = session.request({ ':path': path, ':method': method }).setEncoding('utf8')
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
    return `${String(headers[':status'])} ${(await stream.toArray()).join('')}`
  } finally {
    session.destroy()
  }
}

test('a server of node:http answers probes, and its handlers never see them', async () => {
  const { lifecycle } = create()
  lifecycle.configure({ health: true })
  const seen: unknown[] = []
  const server = http.createServer(here).on('request', ({ method, url }) => seen.push(`${method} ${url}`))
  const port = await listen(lifecycle, server)
  await expect(ask(port, '/livez')).resolves.toBe('200 ok')
  await expect(ask(port, '/livez?verbose', 'HEAD')).resolves.toBe('200 ')
  await expect(ask(port, '/livez', 'POST')).resolves.toBe('200 here')
  await expect(ask(port, '/livez/')).resolves.toBe('200 here')
  expect(seen).toEqual(['POST /livez', 'GET /livez/'])
})

test('with paths of the application, only those', async () => {
  const { lifecycle } = create()
  lifecycle.configure({ health: { livez: '/up', readyz: false } })
  const port = await listen(lifecycle, http.createServer(here))
  await expect(ask(port, '/up')).resolves.toBe('200 ok')
  await expect(ask(port, '/livez')).resolves.toBe('200 here')
})

test('a handler that calls answerHealth() itself changes nothing', async () => {
  const { lifecycle } = create()
  lifecycle.configure({ health: true })
  const server = http.createServer((request, response) => {
    if (!lifecycle.answerHealth(request, response)) here(request, response as never)
  })
  await expect(ask(await listen(lifecycle, server), '/livez')).resolves.toBe('200 ok')
})

test('an HTTP/2 server answers, whether its handler is for requests or for streams', async () => {
  const { lifecycle } = create()
  lifecycle.configure({ health: true })
  const ofRequests = await listen(
    lifecycle,
    http2.createServer((_request, response) => response.end('here')),
  )
  const streams = http2.createServer().on('stream', (stream) => {
    stream.respond()
    stream.end('here')
  })
  const ofStreams = await listen(lifecycle, streams)
  for (const port of [ofRequests, ofStreams]) {
    await expect(ask2(port, '/livez')).resolves.toBe('200 ok')
    await expect(ask2(port, '/livez', 'HEAD')).resolves.toBe('200 ')
    await expect(ask2(port, '/')).resolves.toBe('200 here')
  }
})

test('also if the option comes after listen(), and for a server that another one feeds', async () => {
  const { lifecycle } = create()
  lifecycle.configure()
  const fed = http.createServer(here)
  lifecycle.attach(fed)
  const port = await listen(lifecycle, http.createServer(here))
  await expect(ask(port, '/livez')).resolves.toBe('200 here')
  lifecycle.configure({ health: true })
  await expect(ask(port, '/livez')).resolves.toBe('200 ok')
  let written = ''
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString()
      if (written.includes('\r\n\r\n')) this.emit('answered')
      done()
    },
  })
  fed.emit('connection', duplex)
  const answered = once(duplex, 'answered')
  duplex.push('GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await answered
  expect(written).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok/)
})

test('an adapter answers in the place of its framework: the server leaves the probe to it', async () => {
  const { lifecycle, adapter } = create()
  const early = await listen(lifecycle, http.createServer(here))
  lifecycle.configure({ health: true })
  adapter.adapt({})
  const late = await listen(lifecycle, http.createServer(here))
  for (const port of [early, late]) await expect(ask(port, '/livez')).resolves.toBe('200 here')
})

test.each<[string, (lifecycle: Lifecycle, server: Server) => void]>([
  ['without the option', (lifecycle) => lifecycle.configure()],
  ['with a separate port', (lifecycle) => lifecycle.configure({ health: { port: 0, host: '127.0.0.1' } })],
  [
    'once it is left to the application',
    (lifecycle, server) => {
      lifecycle.configure({ health: true })
      lifecycle.ignore(server)
    },
  ],
])('%s, the application gets every request', async (_name, configure) => {
  const { lifecycle } = create()
  lifecycle.configure()
  const server = http.createServer(here)
  const port = await listen(lifecycle, server)
  configure(lifecycle, server)
  await expect(ask(port, '/livez')).resolves.toBe('200 here')
  expect(Object.hasOwn(server, 'emit')).toBe(false)
})
