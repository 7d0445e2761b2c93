import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { leftovers, RawClient } from '@zerodrop/traffic'

const undo = leftovers()
afterEach(() => undo.disposeAll())

async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.add(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

async function connect(port: number): Promise<RawClient> {
  const client = await RawClient.connect({ port })
  undo.add(() => client.destroy())
  return client
}

/** A client to an http server that echoes what it was asked. */
async function toEcho(): Promise<{ client: RawClient; server: http.Server }> {
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      if (request.url === '/close') response.setHeader('connection', 'close')
      response.end(`${request.method} ${request.url} ${body}`)
    })
  })
  return { client: await connect(await listen(server)), server }
}

/** A client to a server that does with each connection what the test says once the request is there. */
async function toRaw(onRequest: (socket: Socket) => void): Promise<RawClient> {
  const server = net.createServer((socket) => {
    socket.once('data', () => onRequest(socket))
    socket.on('error', () => {})
  })
  return connect(await listen(server))
}

const texts = (responses: { body: Buffer }[]) => responses.map((response) => response.body.toString())

async function* pieces(): AsyncGenerator<string> {
  yield 'one '
  yield ''
  yield 'two'
}

test('one connection carries any number of requests', async () => {
  const { client } = await toEcho()
  const port = client.localPort
  const answers = [
    await client.request({ path: '/a' }),
    await client.request({ method: 'POST', path: '/b', body: 'whole' }),
    await client.request({ method: 'PUT', path: '/c', body: pieces() }),
    await client.request({ method: 'PUT', path: '/d', headers: { 'Content-Length': '7' }, body: pieces() }),
    await client.request({ method: 'HEAD', path: '/e' }),
  ]
  expect(texts(answers)).toEqual(['GET /a ', 'POST /b whole', 'PUT /c one two', 'PUT /d one two', ''])
  expect(client).toMatchObject({ open: true, sawClose: false, localPort: port })
})

test('pipelined answers come in order, and those of raw bytes are taken one by one', async () => {
  const { client } = await toEcho()
  expect(texts(await client.pipeline(['/1', '/2', '/3']))).toEqual(['GET /1 ', 'GET /2 ', 'GET /3 '])
  client.write('GET /4 HTTP/1.1\r\nHost: x\r\n\r\nGET /5 HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(texts([await client.nextResponse(), await client.nextResponse()])).toEqual(['GET /4 ', 'GET /5 '])
})

test('sees that the server closes, and then sends nothing more', async () => {
  const { client } = await toEcho()
  await client.request({ path: '/close' })
  expect(client.sawClose).toBe(true)
  await expect(client.ended).resolves.toBe('fin')
  await expect(client.request()).rejects.toMatchObject({ name: 'ConnectionGone' })
})

test('100-continue is reported on its own, and with the answer', async () => {
  const { client } = await toEcho()
  client.write('POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
  await expect(client.nextInterim()).resolves.toMatchObject({ status: 100 })
  client.write('ok')
  await expect(client.nextResponse()).resolves.toMatchObject({ status: 200, interim: [{ status: 100 }] })
})

test('upgraded bytes are handed out', async () => {
  const client = await toRaw((socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n')
    socket.pipe(socket)
  })
  await expect(client.request({ headers: { upgrade: 'echo' } })).resolves.toMatchObject({ status: 101 })
  client.write('ping')
  expect((await client.nextUpgraded()).toString()).toBe('ping')
})

const half = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'

test.each<[string, number, (socket: Socket) => void]>([
  ['reset', 0, (socket) => socket.resetAndDestroy()],
  ['fin', 0, (socket) => socket.end()],
  ['truncated', half.length, (socket) => socket.end(half)],
  ['malformed', 11, (socket) => socket.write('no http\r\n\r\n')],
  ['timeout', half.length, (socket) => socket.write(half)],
])('a request is lost by: %s', async (reason, bytesReceived, act) => {
  const client = await toRaw(act)
  const answer = client.request({ path: '/gone', timeout: reason === 'timeout' ? 300 : 15_000 })
  await expect(answer).rejects.toMatchObject({ name: 'LostRequest', reason, bytesReceived })
  await expect(answer).rejects.toThrow('GET /gone lost')
  expect(client.open).toBe(false)
})

test('of pipelined requests only those without a whole answer are lost', async () => {
  const client = await toRaw((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' + half))
  const outcomes = await Promise.allSettled(['/1', '/2', '/3'].map((path) => client.request({ path })))
  expect(outcomes).toMatchObject([
    { status: 'fulfilled', value: { status: 200 } },
    { status: 'rejected', reason: { reason: 'truncated', bytesReceived: half.length } },
    { status: 'rejected', reason: { reason: 'truncated', bytesReceived: 0 } },
  ])
})

test('an upload into a dead connection ends', async () => {
  const client = await toRaw((socket) => socket.resetAndDestroy())
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.alloc(65_536)
  }
  await expect(client.request({ method: 'POST', body: endless() })).rejects.toMatchObject({ reason: 'reset' })
})

test('a request made after an early answer waits for the body before it', async () => {
  const server = http.createServer((request, response) => {
    response.end(request.url)
    request.resume()
  })
  const client = await connect(await listen(server))
  let release = (): void => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  async function* body(): AsyncGenerator<string> {
    yield 'first'
    await released
    yield 'last'
  }
  await client.request({ method: 'POST', path: '/early', body: body() })
  const next = client.request({ path: '/next' })
  release()
  expect((await next).body.toString()).toBe('/next')
})

test('a connect that fails is refused, not lost', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  await expect(RawClient.connect({ port })).rejects.toMatchObject({
    name: 'ConnectionRefused',
    code: 'ECONNREFUSED',
  })
})

test('paused, it takes nothing; resumed, it takes all', async () => {
  const big = 'x'.repeat(8 * 1024 * 1024)
  const server = http.createServer((_, response) => response.end(big))
  const client = await connect(await listen(server))
  client.pause()
  const answer = client.request()
  const [, response] = (await once(server, 'request')) as [unknown, http.ServerResponse]
  // A second turn shows that the answer is stuck in the server, not merely on its way.
  await new Promise((resolve) => setImmediate(resolve))
  expect(response.writableFinished).toBe(false)
  client.resume()
  expect((await answer).body.length).toBe(big.length)
  await client.close()
  await expect(client.ended).resolves.toBe('fin')
})
