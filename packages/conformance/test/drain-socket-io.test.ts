import { leftovers } from '@zerodrop/traffic'
import { io, type Socket } from 'socket.io-client'
import { clean, ProtocolSite } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

interface Client {
  readonly socket: Socket
  /** The process that the client is connected to, each time it connects. */
  readonly served: number[]
  /** Why it was disconnected, each time. */
  readonly reasons: string[]
  /** Resolves when it is connected to this process. */
  servedBy(pid: number): Promise<void>
}

function connect(port: number, transport: 'polling' | 'websocket'): Client {
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: [transport],
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 50,
  })
  undo.add(() => socket.disconnect())
  const served: number[] = []
  const reasons: string[] = []
  const waiting = new Set<() => void>()
  socket.on('served', ({ pid }: { pid: number }) => {
    served.push(pid)
    for (const check of waiting) check()
  })
  socket.on('disconnect', (reason) => reasons.push(reason))
  const servedBy = (pid: number): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (served.at(-1) === pid) resolve()
      }
      waiting.add(check)
      check()
    })
  return { socket, served, reasons, servedBy }
}

async function echo({ socket }: Client, text: string): Promise<string> {
  return (await socket.timeout(10_000).emitWithAck('echo', text)) as string
}

describePosix.each(['polling', 'websocket'] as const)('clients of socket.io by %s', (transport) => {
  test('reconnect to the successor on their own, and the predecessor cuts nothing', async () => {
    const site = await ProtocolSite.start(undo, 'socket-io')
    const clients = Array.from({ length: 5 }, () => connect(site.port, transport))
    await Promise.all(clients.map((client) => client.servedBy(site.app.pid)))
    const { after } = await site.restart()
    await Promise.all(clients.map((client) => client.servedBy(after)))
    for (const client of clients) {
      expect(client.reasons).toEqual(['transport close'])
      await expect(echo(client, 'hello')).resolves.toBe(`hello ${after}`)
    }
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.cutLines()).toEqual([])
    expect(site.app.stderr).not.toContain('before the deadline')
  })

  test('are closed at a stop, and connect to the next process at the address', async () => {
    const site = await ProtocolSite.start(undo, 'socket-io')
    const client = connect(site.port, transport)
    await client.servedBy(site.app.pid)
    await site.drain()
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(/drained in .*, 0 cut\n/)
    expect(client.reasons).toEqual(['transport close'])
    const next = await ProtocolSite.start(undo, 'socket-io', { port: site.port })
    await client.servedBy(next.app.pid)
  })
})

describePosix('a server of socket.io that drains', () => {
  test('answers a message that is on its way before it closes the session', async () => {
    const site = await ProtocolSite.start(undo, 'socket-io')
    const [poller, sender] = [await site.connect(), await site.connect()]
    const opened = await poller.request({ path: '/socket.io/?EIO=4&transport=polling' })
    const { sid } = JSON.parse(opened.body.toString().slice(1)) as { sid: string }
    const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`
    sender.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n4`)
    const poll = poller.request({ path })
    const witness = await site.connect()
    await witness.request()
    await witness.close()
    site.app.signal('SIGTERM')
    await site.app.waitFor('accept-stopped')
    sender.write('0')
    await expect(sender.nextResponse()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(poll).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('begins no session on a connection that lingers', async () => {
    const site = await ProtocolSite.start(undo, 'socket-io')
    const client = await site.connect()
    await client.request()
    site.app.signal('SIGTERM')
    await site.app.waitFor('accept-stopped')
    const answer = await client.request({ path: '/socket.io/?EIO=4&transport=polling' })
    expect(answer).toMatchObject({ status: 503, closes: true })
    expect(answer.headers['retry-after']).toBe('1')
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})
