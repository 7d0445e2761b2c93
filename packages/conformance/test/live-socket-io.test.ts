import { once } from 'node:events'
import { leftovers } from '@zerodrop/traffic'
import { io, type Socket } from 'socket.io-client'
import { LiveSite } from './support/live-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

interface Client {
  readonly socket: Socket
  readonly closes: string[]
}

async function connect(site: LiveSite, namespace = '', transports = ['websocket']): Promise<Client> {
  const socket = io(`http://127.0.0.1:${site.port}${namespace}`, {
    transports,
    forceNew: true,
    reconnectionDelay: 20,
    auth: { token: 'secret' },
  })
  undo.add(() => void socket.disconnect())
  const closes: string[] = []
  socket.on('disconnect', (reason) => closes.push(reason))
  await new Promise((resolve) => socket.once('hello', resolve))
  return { socket, closes }
}

describePosix('clients of socket.io', () => {
  test('move with id, rooms and data, in every namespace, again and again', async () => {
    const site = await LiveSite.start(undo, 'socket-io')
    const clients = await Promise.all(['', '', '/admin', '/dynamic-7'].map((name) => connect(site, name)))
    const ids = clients.map(({ socket }) => socket.id)
    for (const { socket } of clients) expect(await socket.emitWithAck('join', 'blue')).toBe(1)
    for (const generation of [2, 3]) {
      const from = site.app.lines.length
      const { complete } = await site.restart()
      expect(complete).toMatchObject({ websockets: { sent: 4 }, cut: 0 })
      for (const [index, { socket }] of clients.entries()) {
        await expect(socket.timeout(15_000).emitWithAck('echo', 'x')).resolves.toBe('x')
        expect(socket.id).toBe(ids[index])
      }
      const recovered = site.app.lines.slice(from).filter(({ event }) => event === 'recovered')
      expect(recovered).toHaveLength(4)
      for (const event of recovered)
        expect(event).toMatchObject({
          rooms: expect.arrayContaining([event['id'], 'blue']) as unknown,
          data: { messages: generation - 2 },
          auth: 'secret',
        })
    }
    const news = once(clients[1]!.socket as never, 'news')
    clients[0]!.socket.emit('room', 'blue', 'to all')
    // Behind it comes the offset for a recovery.
    await expect(news).resolves.toEqual(['to all', 3, expect.any(String)])
    const bytes = await clients[0]!.socket.emitWithAck('binary', Buffer.from([1, 2, 3]))
    expect(Buffer.from(bytes as Buffer)).toEqual(Buffer.from([1, 2, 3]))
    expect(clients.flatMap(({ closes }) => closes)).toEqual([])
    expect(site.app.lines.filter(({ event }) => event === 'disconnected')).toEqual([])
  })

  test('get each acknowledgement once, while messages go to and fro', async () => {
    const site = await LiveSite.start(undo, 'socket-io')
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(site)))
    let over = false
    const answers = clients.map(async ({ socket }) => {
      let sent = 0
      while (!over || sent < 30) {
        const text = `message ${sent++}`
        expect(await socket.timeout(15_000).emitWithAck('echo', text)).toBe(text)
      }
    })
    for (let restarts = 0; restarts < 2; restarts++)
      expect((await site.restart()).complete).toMatchObject({ websockets: { sent: 10 }, cut: 0 })
    over = true
    await Promise.all(answers)
    expect(clients.flatMap(({ closes }) => closes)).toEqual([])
  })

  test('that began with polling move after their upgrade', async () => {
    const site = await LiveSite.start(undo, 'socket-io')
    const { socket, closes } = await connect(site, '', ['polling', 'websocket'])
    const { engine } = socket.io
    while (engine.transport.name !== 'websocket')
      await new Promise((resolve) => engine.once('upgrade', resolve))
    // The server has changed too when it answers over the WebSocket.
    await socket.emitWithAck('echo', 'x')
    const { id } = socket
    for (let restarts = 0; restarts < 2; restarts++)
      expect((await site.restart()).complete).toMatchObject({ websockets: { sent: 1 } })
    await expect(socket.timeout(15_000).emitWithAck('echo', 'y')).resolves.toBe('y')
    expect([socket.id, closes]).toEqual([id, []])
  })

  test('get the acknowledgements that the old process gives late', async () => {
    const site = await LiveSite.start(undo, 'socket-io')
    const { socket, closes } = await connect(site)
    const late = socket.emitWithAck('gate', 'slow')
    const visit = await site.gates.visit()
    const { from } = await site.begin()
    await site.app.waitFor('recovered', { from })
    visit.open()
    await expect(late).resolves.toBe('late slow 1')
    expect(closes).toEqual([])
  })

  test('that owe an acknowledgement move once they have sent it', async () => {
    const site = await LiveSite.start(undo, 'socket-io')
    const { socket, closes } = await connect(site)
    const other = await connect(site)
    const asked = new Promise<(answer: string) => void>((resolve) => socket.once('question', resolve))
    socket.emit('ask-me')
    const answer = await asked
    const { before, from } = await site.begin()
    // The other one has moved by then.
    await site.app.waitFor('recovered', { from })
    answer('yes')
    expect(await site.app.waitFor('answered')).toMatchObject({ answer: 'yes', pid: before })
    expect(await site.app.waitFor('complete', { from })).toMatchObject({ websockets: { sent: 2 } })
    expect([...closes, ...other.closes]).toEqual([])
  })

  test('are notified if the new version rejects them', async () => {
    const site = await LiveSite.start(undo, 'socket-io')
    const { socket } = await connect(site, '/admin')
    const refused = new Promise<Error>((resolve) => socket.once('connect_error', resolve))
    site.deploy({ save: 'throws' })
    await site.restart()
    await expect(refused).resolves.toMatchObject({ message: 'not any more' })
  })

  test('that poll reconnect by themselves', async () => {
    const site = await LiveSite.start(undo, 'socket-io')
    const { socket, closes } = await connect(site, '', ['polling'])
    const again = new Promise((resolve) => socket.once('hello', resolve))
    await site.restart()
    await expect(again).resolves.toBe(2)
    expect(closes).toEqual(['transport close'])
  })

  test('reconnect without the call: the control', async () => {
    const site = await LiveSite.start(undo, 'socket-io', { handover: false })
    const { socket, closes } = await connect(site)
    const again = new Promise((resolve) => socket.once('hello', resolve))
    await site.restart()
    await expect(again).resolves.toBe(2)
    expect(closes).toEqual(['transport close'])
  })
})
