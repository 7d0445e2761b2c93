import { once } from 'node:events'
import { leftovers } from '@zerodrop/traffic'
import { ask, LiveSite } from './support/live-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix.each(['http', 'express', 'fastify'])('below a keeper, live streams of %s', (fixture) => {
  test('move at each restart, and the pid stays', async () => {
    const site = await LiveSite.start(undo, fixture, { feed: { period: 10 } }, true)
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

describePosix('below a keeper, a successor that dies while it takes WebSockets', () => {
  test('leaves the others in the old process, and the next one takes them', async () => {
    const site = await LiveSite.start(undo, 'http', {}, true)
    const clients = await Promise.all(Array.from({ length: 30 }, () => site.webSocket()))
    site.deploy({ diesAfter: 10 })
    await site.begin()
    await site.app.waitFor('restart-failed')
    const results = await Promise.all(
      clients.map(({ socket, closed }) => Promise.race([ask(socket, 'which'), closed])),
    )
    const stayed = results.filter((each) => each === 'generation 1 1')
    expect(stayed.length).toBeGreaterThanOrEqual(30 - 14)
    site.deploy({})
    const { complete } = await site.restart()
    expect(complete).toMatchObject({ websockets: { sent: stayed.length } })
  })
})
