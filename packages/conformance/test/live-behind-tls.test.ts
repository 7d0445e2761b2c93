import { once } from 'node:events'
import https from 'node:https'
import type { IncomingMessage } from 'node:http'
import { leftovers } from '@zerodrop/traffic'
import { ask, LiveSite } from './support/live-site.ts'
import { describeWith, startProxy } from './support/reverse-proxy.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describe.each(['nginx', 'haproxy'] as const)('behind TLS of %s', (kind) => {
  describeWith(kind)('WebSockets and event streams', () => {
    test('move at each deploy without a client noticing', async () => {
      const site = await LiveSite.start(undo, 'http', { feed: { period: 10 } })
      const port = await startProxy(undo, kind, { servers: [site.port], keepsAlive: true, tls: true })
      const clients = await Promise.all(
        Array.from({ length: 5 }, () => site.webSocket({ port, secure: true, rejectUnauthorized: false })),
      )
      for (const { socket } of clients) socket.send('push')
      const request = https.get({ port, path: '/events', rejectUnauthorized: false, agent: false })
      undo.add(() => request.destroy())
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      let events = ''
      response.setEncoding('utf8').on('data', (text: string) => (events += text))
      const hears = async (text: string): Promise<void> => {
        while (!events.includes(text)) await once(response, 'data')
      }
      await hears('of 1\n\n')
      for (let generation = 2; generation <= 4; generation++) {
        const { complete } = await site.restart()
        expect(complete).toMatchObject({ websockets: { sent: 5 }, streams: { sent: 1 }, cut: 0 })
        await hears(`of ${generation}\n\n`)
      }
      expect(response.complete).toBe(false)
      const ids = [...events.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
      expect(ids).toEqual(ids.map((_, index) => ids[0]! + index))
      for (const { socket, heard } of clients) {
        socket.send('which')
        while (!heard.some((each) => each.startsWith('generation 4 '))) await once(socket, 'message')
        const pushes = heard.filter((each) => each.startsWith('push'))
        expect(pushes).toEqual(pushes.map((_, index) => `push ${index}`))
      }
    })

    test('close with 1012 without the call: the control', async () => {
      const site = await LiveSite.start(undo, 'http', { handover: false })
      const port = await startProxy(undo, kind, { servers: [site.port], keepsAlive: true, tls: true })
      const { socket, closed } = await site.webSocket({ port, secure: true, rejectUnauthorized: false })
      await expect(ask(socket, 'one')).resolves.toBe('echo one')
      await site.restart()
      await expect(closed).resolves.toBe(1012)
    })
  })
})
