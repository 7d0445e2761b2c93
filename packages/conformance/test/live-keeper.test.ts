import { once } from 'node:events'
import { leftovers } from '@zerodrop/traffic'
import type { Visit } from './support/gates.ts'
import { canReplaceProgram, type Way } from './support/keep-pid-host.ts'
import { ask, expectSurvivalOfDeath, LiveSite } from './support/live-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const ways: Way[] = ['zerodrop run', ...(canReplaceProgram ? (['lazy keeper'] as const) : [])]

/** A restart whose successor waits for `lifecycle.ready()`. */
interface Begun {
  readonly before: number
  readonly from: number
  readonly ready: Visit
  /** What has happened since it was asked for. */
  readonly steps: () => unknown[]
}

describePosix.each<[string, Way]>([
  ...ways.map((way): [string, Way] => ['http', way]),
  ['express', 'zerodrop run'],
  ['fastify', 'zerodrop run'],
])('live streams of %s below a keeper (%s)', (fixture, way) => {
  test('move at each restart, and the pid stays', async () => {
    const site = await LiveSite.start(undo, fixture, { feed: { period: 10 } }, way)
    const { socket, heard, closed } = await site.webSocket()
    const stream = await fetch(`http://127.0.0.1:${site.port}/events`)
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
    undo.add(() => void reader.cancel().catch(() => {}))
    let events = ''
    const until = async (text: string): Promise<void> => {
      while (!events.includes(text)) {
        const { done, value = '' } = await reader.read()
        if (done) throw new Error(`The stream has ended:\n${events}`)
        events += value
      }
    }
    socket.send('push')
    await until('of 1\n\n')
    for (const generation of [2, 3]) {
      const { complete } = await site.restart()
      expect(complete).toMatchObject({ websockets: { sent: 1 }, streams: { sent: 1 }, cut: 0 })
      socket.send('which')
      while (!heard.some((each) => each.startsWith(`generation ${generation} `)))
        await once(socket, 'message')
      await until(`of ${generation}\n\n`)
    }
    const pushes = heard.filter((each) => each.startsWith('push'))
    expect(pushes).toEqual(pushes.map((_, index) => `push ${index}`))
    const ids = [...events.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
    expect(ids).toEqual(ids.map((_, index) => ids[0]! + index))
    expect(site.app.isAlive(site.app.pid)).toBe(true)
    expect(await Promise.race([closed, Promise.resolve('open')])).toBe('open')
  })
})

describePosix.each(ways)('below a keeper (%s)', (way) => {
  test('manualReady, readyCheck, warmUp and probation hold back each successor, and WebSockets move', async () => {
    const options = { manualReady: true, readyCheck: '/check', warmUp: ['/warm'], probation: 200 }
    const site = await LiveSite.start(undo, 'http', { options }, way)
    const { app, gates } = site
    const first = await gates.visit()
    const { socket } = await site.webSocket()
    first.open()
    await app.waitFor(({ event, pathname }) => event === 'asked' && pathname === '/warm')
    const fresh = async (): Promise<{ generation: number }> => {
      const client = await site.connect()
      const { body } = await client.request({ headers: { connection: 'close' } })
      return JSON.parse(body.toString()) as { generation: number }
    }
    const held = async (served: number): Promise<Begun> => {
      const begun = site.signal()
      const ready = await gates.visit()
      const steps = (): unknown[] =>
        app.lines.slice(begun.from).map(({ event, pathname }) => pathname ?? event)
      for (let asked = 0; asked < 5; asked++) expect(await fresh()).toMatchObject({ generation: served })
      expect(await ask(socket, 'which')).toMatch(`generation ${served} `)
      expect(steps()).not.toContain('successor-ready')
      return { ...begun, ready, steps }
    }
    const replaced = async (served: number): Promise<void> => {
      const { ready, steps, ...begun } = await held(served)
      ready.open()
      const since = await app.waitFor('successor-ready', begun)
      const until = await app.waitFor('handing-over', begun)
      expect((until['at'] as number) - (since['at'] as number)).toBeGreaterThanOrEqual(199)
      const order = ['/check', '/warm', 'successor-ready', 'handing-over']
      expect(
        steps()
          .filter((step) => order.includes(step as string))
          .slice(-4),
      ).toEqual(order)
      expect(await site.end(begun)).toMatchObject({ websockets: { sent: 1 }, cut: 0 })
      expect(await ask(socket, 'which')).toMatch(`generation ${served + 1} `)
      expect(await fresh()).toMatchObject({ generation: served + 1 })
    }
    // Makes the lazy keeper; the others go through it.
    await replaced(1)
    const { ready, ...begun } = await held(2)
    process.kill(ready.pid, 'SIGKILL')
    const { code } = await app.waitFor('restart-failed', begun)
    expect(code).toBe('ERR_ZERODROP_SUCCESSOR_EXITED')
    expect(await ask(socket, 'which')).toMatch('generation 2 ')
    await replaced(2)
    expect(app.isAlive(app.pid)).toBe(true)
  })
})

describePosix.each(ways)('below a keeper (%s), a successor that dies while it takes WebSockets', (way) => {
  test('leaves the others in the old process, and the next one takes them', async () => {
    const site = await LiveSite.start(undo, 'http', {}, way)
    await expectSurvivalOfDeath(site)
  })
})
