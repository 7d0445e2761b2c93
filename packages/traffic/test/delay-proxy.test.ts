import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { leftovers, startDelayProxy } from '@zerodrop/traffic'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** A target that hands out its accepted connections, behind a proxy, and a client connected through it. */
async function setUp(roundTrip: number) {
  const target = net.createServer({ allowHalfOpen: true })
  target.listen(0, '127.0.0.1')
  await once(target, 'listening')
  undo.add(() => new Promise((resolve) => target.close(resolve)))
  const proxy = await startDelayProxy({ targetPort: (target.address() as AddressInfo).port, roundTrip })
  undo.add(() => proxy.close())
  const accepted = once(target, 'connection') as Promise<[Socket]>
  const started = performance.now()
  const client = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  await once(client, 'connect')
  const [server] = await accepted
  undo.add(() => server.destroy())
  undo.add(() => client.destroy())
  return { proxy, client, server, acceptTook: performance.now() - started }
}

function textOf(socket: Socket): { read: string } {
  const text = { read: '' }
  socket.on('data', (chunk: Buffer) => (text.read += chunk.toString()))
  return text
}

test('a question and its answer take one round trip', async () => {
  const { client, server, acceptTook } = await setUp(30)
  // Half a round trip for the SYN; the clock that measures is finer than the one that waits.
  expect(acceptTook).toBeGreaterThan(14)
  server.on('data', () => server.write('pong'))
  const took: number[] = []
  for (let round = 0; round < 30; round += 1) {
    const started = performance.now()
    client.write('ping')
    await once(client, 'data')
    took.push(performance.now() - started)
  }
  took.sort((a, b) => a - b)
  expect(took[0]).toBeGreaterThanOrEqual(29)
  expect(took[0]).toBeLessThan(45)
})

test('bytes and the FIN behind them arrive in order, and the other direction stays open', async () => {
  const { client, server } = await setUp(20)
  const atServer = textOf(server)
  const atClient = textOf(client)
  const parts = Array.from({ length: 200 }, (_, index) => `${index},`)
  for (const part of parts) client.write(part)
  client.end()
  await once(server, 'end')
  expect(atServer.read).toBe(parts.join(''))
  // The client has said all it had to say; it can still be told something.
  server.write('late ')
  server.end('answer')
  await once(client, 'end')
  expect(atClient.read).toBe('late answer')
})

test('a FIN takes half a round trip', async () => {
  const { client, server } = await setUp(60)
  client.resume()
  const started = performance.now()
  server.end()
  await once(client, 'end')
  expect(performance.now() - started).toBeGreaterThanOrEqual(29)
})

test.each(['client', 'server'] as const)(
  'a reset by the %s reaches the other side as a reset',
  async (from) => {
    const { client, server } = await setUp(20)
    const [here, there] = from === 'client' ? [client, server] : [server, client]
    const atOther = textOf(there)
    here.write('last words')
    await once(there, 'data')
    here.resetAndDestroy()
    const [error] = (await once(there, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
    expect(atOther.read).toBe('last words')
  },
)

test('a refused target resets the client and is counted', async () => {
  const free = net.createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const targetPort = (free.address() as AddressInfo).port
  await new Promise((resolve) => free.close(resolve))
  const proxy = await startDelayProxy({ targetPort, roundTrip: 10 })
  undo.add(() => proxy.close())
  const client = net.connect({ port: proxy.port, host: '127.0.0.1' })
  client.resume()
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
  expect(proxy.refusedUpstream).toBe(1)
})

test('a slow reader is felt by the sender', async () => {
  const { client, server } = await setUp(10)
  client.pause()
  const block = Buffer.alloc(256 * 1024)
  let accepted = 0
  // Written until it stays unwritten: 64 MiB is far above what kernel and proxy may hold together.
  while (server.write(block) || (await drained(server))) {
    accepted += block.length
    if (accepted > 64 * 1024 * 1024) break
  }
  expect(accepted).toBeLessThan(64 * 1024 * 1024)
  let read = 0
  client.on('data', (chunk: Buffer) => (read += chunk.length))
  server.end()
  client.resume()
  await once(client, 'end')
  expect(read).toBe(server.bytesWritten)
})

/** Whether the socket drains within a second, which for a reader on loopback is forever. */
async function drained(socket: Socket): Promise<boolean> {
  try {
    await once(socket, 'drain', { signal: AbortSignal.timeout(1000) })
    return true
  } catch {
    return false
  }
}

test('500 connections at once are all delayed and all answered', async () => {
  const echo = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  undo.add(() => new Promise((resolve) => echo.close(resolve)))
  const proxy = await startDelayProxy({ targetPort: (echo.address() as AddressInfo).port })
  undo.add(() => proxy.close())
  const answers = await Promise.all(
    Array.from({ length: 500 }, async (_, index) => {
      const client = net.connect({ port: proxy.port, host: '127.0.0.1' })
      client.write(`hello ${index}`)
      const [chunk] = (await once(client, 'data')) as [Buffer]
      client.end()
      await once(client, 'close')
      return chunk.toString() === `hello ${index}`
    }),
  )
  expect(answers.filter(Boolean)).toHaveLength(500)
})
