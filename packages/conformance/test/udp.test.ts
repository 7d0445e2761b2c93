import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, leftovers } from '@zerodrop/traffic'
import { Deployment, type ServerSpec } from './support/deployment.ts'
import { describePosix, restartsOnly } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

/** A client that numbers its datagrams, and knows which generation has answered which. */
class Counter {
  readonly answers = new Map<number, number>()
  sent = 0
  readonly #socket: dgram.Socket
  readonly #port: number
  #changed = (): void => {}

  static async open(port: number): Promise<Counter> {
    const socket = dgram.createSocket('udp4')
    undo.add(() => socket.close())
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new Counter(socket, port)
  }

  private constructor(socket: dgram.Socket, port: number) {
    this.#socket = socket
    this.#port = port
    socket.on('message', (message) => {
      const [number, generation] = message.toString().split(' ').map(Number)
      this.answers.set(number!, generation!)
      this.#changed()
    })
  }

  /** Whether fewer are unanswered than the kernel keeps for a process that is held up. */
  get hasRoom(): boolean {
    return this.sent - this.answers.size < 100
  }

  send(): void {
    this.#socket.send(String(this.sent++), this.#port, '127.0.0.1')
  }

  /** Resolves when every datagram so far has its answer. */
  async settled(): Promise<void> {
    while (this.answers.size < this.sent) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }
}

const udp = (port: number, more: Partial<ServerSpec> = {}): ServerSpec => ({
  kind: 'udp4',
  name: 'udp',
  listen: { port, address: '127.0.0.1' },
  ...more,
})

describePosix.each<[string, () => Promise<ServerSpec[]>]>([
  ['alone', async () => []],
  ['beside a server', async () => [{ kind: 'http', name: 'web', listen: { port: await freePort() } }]],
])('a UDP socket %s', (_with, others) => {
  test('is inherited, and not one datagram is lost', async () => {
    const port = await freePort()
    const site = await Deployment.start(undo, { servers: [udp(port), ...(await others())] })
    const counter = await Counter.open(port)
    let over = false
    const sending = async (): Promise<void> => {
      for (; !over; await delay(2)) if (counter.hasRoom) counter.send()
    }
    const restarts = async (): Promise<void> => {
      for (let restart = 0; restart < 3; restart += 1) await site.restart()
      counter.send()
      over = true
    }
    await Promise.all([restarts(), sending()])
    await counter.settled()
    expect(counter.answers.size).toBe(counter.sent)
    expect(counter.sent).toBeGreaterThan(100)
    expect(new Set(counter.answers.values())).toEqual(new Set([1, 2, 3, 4]))
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(restartsOnly)
  })

  test('answers what has arrived before a stop, and lets the process exit', async () => {
    const port = await freePort()
    const site = await Deployment.start(undo, { servers: [udp(port), ...(await others())] })
    const counter = await Counter.open(port)
    for (let count = 0; count < 50; count += 1) counter.send()
    await counter.settled()
    site.app.signal('SIGTERM')
    await site.app.waitFor('closed')
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

describePosix('a UDP socket', () => {
  test('goes on in the old process if the successor dies', async () => {
    const port = await freePort()
    const web = { kind: 'http', name: 'web', listen: { port: await freePort() } } as const
    const site = await Deployment.start(undo, { servers: [udp(port), web] })
    const counter = await Counter.open(port)
    // An upload that does not end keeps the old process from its end.
    const upload = http.request({ port: web.listen.port, host: '127.0.0.1', method: 'POST', path: '/upload' })
    undo.add(() => upload.destroy())
    upload.on('error', () => {}).write('begin')
    await site.app.waitFor('upload')
    const { before, after } = await site.begin()
    process.kill(after, 'SIGKILL')
    await site.app.waitFor('restart-failed')
    counter.send()
    await counter.settled()
    expect([...counter.answers.values()]).toEqual([1])
    expect(site.app.isAlive(before)).toBe(true)
  })

  test('is read by the old process alone until the successor is ready', async () => {
    const port = await freePort()
    const options = { manualReady: true }
    const site = await Deployment.start(undo, { servers: [udp(port)], options })
    site.deploy({ servers: [udp(port)], options, neverReady: true })
    const from = site.app.lines.length
    site.app.signal('SIGHUP')
    await site.app.waitFor('listening', { from })
    const counter = await Counter.open(port)
    for (let round = 0; round < 10; round += 1) {
      // Together: of a few at a time, a process that is awake already would read all.
      for (let count = 0; count < 50; count += 1) counter.send()
      await counter.settled()
    }
    expect([...new Set(counter.answers.values())]).toEqual([1])
  })

  test('in a multicast group may join it again in each generation', async () => {
    const port = await freePort()
    const groups = ['239.255.12.34']
    const servers = [udp(port, { listen: { port, address: '0.0.0.0' }, groups, socket: { reuseAddr: true } })]
    const site = await Deployment.start(undo, { servers })
    await site.restart()
    await site.restart()
    const counter = await Counter.open(port)
    counter.send()
    await counter.settled()
    expect([...counter.answers.values()]).toEqual([3])
    expect(site.app.stderr).toMatch(restartsOnly)
  })

  test('over IPv6 is inherited too', async () => {
    const port = await freePort()
    const servers = [udp(port, { kind: 'udp6', listen: { port } })]
    const site = await Deployment.start(undo, { servers })
    await site.restart()
    const counter = await Counter.open(port)
    counter.send()
    await counter.settled()
    expect([...counter.answers.values()]).toEqual([2])
  })

  test.each<[string, (port: number) => ServerSpec]>([
    ['on port 0', () => udp(0)],
    ['that is ignored', (port) => udp(port, { ignore: 'before', socket: { reuseAddr: true } })],
  ])('%s is left alone', async (_which, spec) => {
    const web = { kind: 'http', name: 'web', listen: { port: await freePort() } } as const
    const site = await Deployment.start(undo, { servers: [spec(await freePort()), web] })
    await site.restart()
    expect(site.app.lines.filter(({ event }) => event === 'closed')).toEqual([])
    expect(site.app.stderr).toMatch(restartsOnly)
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})
