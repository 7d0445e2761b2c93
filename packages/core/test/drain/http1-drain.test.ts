import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { followExchanges } from '../../src/drain/follow-exchanges.ts'
import { Http1Drain } from '../../src/drain/http1-drain.ts'
import { type Client, serve } from './drained-server.ts'
import { turns } from '../turns.ts'

let served: ReturnType<typeof serve>
let drain: Http1Drain
/** Whether each request that has arrived is answered. */
let answered: boolean[]
let release: () => void
beforeEach(() => {
  served = serve()
  drain = new Http1Drain(served.drain.connections, served.system)
  answered = []
  release = followExchanges(served.server, {
    onStart: ({ response }) => answered.push(drain.onRequest(response)),
    onFinish: ({ socket, response }) => drain.onFinish(socket, response),
  })
  release()
})
afterEach(() => {
  release()
  drain.dispose()
  served.end()
})

/** Begins to drain. */
function announce(policy: 'serve' | 'refuse' = 'serve'): void {
  drain.announce(policy)
  release = followExchanges(served.server, {
    onStart: ({ response }) => answered.push(drain.onRequest(response)),
    onFinish: ({ socket, response }) => drain.onFinish(socket, response),
  })
}

interface Reader extends Client {
  text(): string
}

function connect(): Reader {
  const client = served.open()
  const received: Buffer[] = []
  client.stream.on('data', (chunk: Buffer) => received.push(chunk))
  return { ...client, text: () => Buffer.concat(received).toString() }
}

async function ask(client: Client, count = 1): Promise<ServerResponse> {
  client.ask(count)
  await turns()
  return client.responses.at(-count)!
}

async function answer(response: ServerResponse): Promise<void> {
  response.end('whole')
  await turns()
}

const closes = (text: string): boolean[] =>
  text
    .split(/(?=HTTP\/1\.1 )/)
    .filter((head) => head !== '')
    .map((head) => /^connection: close\r$/im.test(head))
const sockets = (): Socket[] => [...served.drain.connections.sockets.keys()]

describe('a response carries `Connection: close`, and its connection ends after it', () => {
  test('if it is requested during the drain', async () => {
    const client = connect()
    announce()
    await answer(await ask(client))
    expect([closes(client.text()), client.stream.readableEnded, answered]).toEqual([[true], true, [true]])
  })

  test('if its request was being handled when the drain began', async () => {
    const client = connect()
    const response = await ask(client)
    announce()
    await answer(response)
    expect([closes(client.text()), client.stream.readableEnded]).toEqual([[true], true])
  })

  test('if it is the last of several on its connection', async () => {
    const client = connect()
    await ask(client, 3)
    announce()
    for (const each of client.responses) await answer(each)
    expect([closes(client.text()), client.stream.readableEnded]).toEqual([[false, false, true], true])
  })

  test('unless its head already promised keep-alive; the connection ends anyway', async () => {
    const client = connect()
    const response = await ask(client)
    response.write('half')
    await turns()
    announce()
    await answer(response)
    expect([closes(client.text()), client.stream.readableEnded]).toEqual([[false], true])
  })
})

test('a connection whose last response promised keep-alive before the drain lingers', async () => {
  const client = connect()
  const response = await ask(client)
  // The reader is slow: the response has ended, and is being sent.
  const [socket] = sockets()
  socket!.cork()
  response.write('x'.repeat(100))
  response.end()
  expect(response.writableFinished).toBe(false)
  announce()
  expect(drain.lingersBehind(response)).toBe(true)
  socket!.uncork()
  await turns()
  expect([closes(client.text()), client.stream.readableEnded]).toEqual([[false], false])
  drain.endIdle()
  expect(drain.lingersBehind(response)).toBe(false)
  await turns()
  expect(client.stream.readableEnded).toBe(true)
})

test('a request after a response with `Connection: close` is neither answered nor passed to the application', async () => {
  const client = connect()
  announce()
  const response = await ask(client)
  response.flushHeaders()
  await turns()
  client.ask(1)
  await turns()
  expect([answered, client.responses.length]).toEqual([[true, false], 1])
  await answer(response)
  expect(client.stream.readableEnded).toBe(true)
})

test('requests are refused if the policy refuses them', async () => {
  const client = connect()
  announce('refuse')
  client.ask(1)
  await turns()
  expect(client.responses).toHaveLength(0)
  expect(client.text()).toMatch(/^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/)
})

test('a timeout during the drain closes the connection gently, whereas Node would destroy it', async () => {
  const client = connect()
  await turns()
  const [socket] = sockets()
  announce()
  socket!.emit('timeout')
  expect(socket!.destroyed).toBe(false)
  await turns()
  expect(client.stream.readableEnded).toBe(true)
})

describe('ending connections', () => {
  test('ends idle connections, but not those with an in-flight request', async () => {
    const [idle, busy] = [connect(), connect()]
    await answer(await ask(idle))
    await ask(busy)
    drain.endIdle()
    await turns()
    expect([idle.stream.readableEnded, busy.stream.readableEnded]).toEqual([true, false])
  })

  test('endUnused() ends connections that never received data', async () => {
    const [unused, idle] = [connect(), connect()]
    await answer(await ask(idle))
    drain.endUnused()
    await turns()
    expect([unused.stream.readableEnded, idle.stream.readableEnded]).toEqual([true, false])
  })

  test('ends the connection of an early-answered upload after the upload if the application reads the rest', async () => {
    const client = connect()
    client.stream.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf')
    await turns()
    const [response] = client.responses
    let received = ''
    response!.req.on('data', (chunk: Buffer) => {
      received += chunk.toString()
    })
    announce()
    await answer(response!)
    expect(client.stream.readableEnded).toBe(false)
    client.stream.write('half')
    await turns()
    expect([received, client.stream.readableEnded]).toEqual(['halfhalf', true])
  })

  test('ends the connection of an early-answered upload at once if the application does not read the rest', async () => {
    const client = connect()
    client.stream.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf')
    await turns()
    announce()
    await answer(client.responses[0]!)
    expect(client.stream.readableEnded).toBe(true)
  })

  test('endHandshakes() destroys handshakes that have not completed', () => {
    const socket = { destroy: jest.fn() }
    const connections = { handshaking: () => [socket], server: served.server }
    const secure = new Http1Drain(connections as never, served.system)
    secure.endHandshakes()
    secure.dispose()
    expect(socket.destroy).toHaveBeenCalledTimes(1)
  })
})

test('notifies only the kept connections while others move', async () => {
  const [kept, moving] = [connect(), connect()]
  const responses = [await ask(kept), await ask(moving)]
  const [socket, other] = sockets()
  drain.keep('serve', [socket!])
  expect([drain.keeps(socket!), drain.keeps(other!)]).toEqual([true, false])
  for (const each of responses) await answer(each)
  expect([closes(kept.text()), closes(moving.text())]).toEqual([[true], [false]])
})

test('applies the request policy only on kept connections', async () => {
  const [kept, moving] = [connect(), connect()]
  await turns()
  drain.keep('refuse', [sockets()[0]!])
  for (const each of [kept, moving]) each.ask(1)
  await turns()
  expect([kept.responses.length, moving.responses.length]).toEqual([0, 1])
})

test('dispose() restores the server: no more notifications and no deferred requests', async () => {
  const { server } = served
  const before = [Object.hasOwn(server, 'emit'), server.listenerCount('timeout')]
  const client = connect()
  announce('refuse')
  expect(Object.hasOwn(server, 'emit')).toBe(true)
  drain.dispose()
  release()
  expect([Object.hasOwn(server, 'emit'), server.listenerCount('timeout')]).toEqual(before)
  await answer(await ask(client))
  expect([closes(client.text()), client.stream.readableEnded]).toEqual([[false], false])
})
