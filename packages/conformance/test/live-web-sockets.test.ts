import { once } from 'node:events'
import { leftovers } from '@zerodrop/traffic'
import { ask, LiveSite } from './support/live-site.ts'
import { frame, type RawWebSocket } from './support/raw-web-socket.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const versions = [8, 7] as const

describePosix.each(versions)('a WebSocket of ws %i', (version) => {
  test('moves at a restart, and its client notices nothing', async () => {
    const site = await LiveSite.start(undo, 'http', { ws: { version } })
    const clients = await Promise.all([site.webSocket(), site.webSocket({ path: '/other?a=b' })])
    for (const { socket } of clients) await expect(ask(socket, 'one')).resolves.toBe('echo one')
    const { before, after, complete } = await site.restart()
    expect(complete).toMatchObject({
      migrated: 2,
      websockets: { sent: 2, received: 0 },
      streams: { sent: 0 },
      cut: 0,
    })
    for (const { socket, heard } of clients) {
      await expect(ask(socket, 'which')).resolves.toBe('generation 2 2')
      expect(heard).toEqual(['hello 1', 'echo one', 'generation 2 2'])
    }
    const events = site.app.lines.filter(({ event }) => event === 'restored' || event === 'closed')
    expect(events).toEqual([
      expect.objectContaining({ pid: after, url: '/socket', from: 1 }),
      expect.objectContaining({ pid: after, url: '/other?a=b', from: 1 }),
    ])
    expect(site.app.isAlive(before)).toBe(false)
    expect(site.app.stderr).toMatch(/2 connections moved \(2 WebSockets among them\), 0 cut\n$/)
    expect(site.app.stderr).not.toContain('ERR_ZERODROP')
  })

  test('moves again and again, with numbered messages both ways', async () => {
    const site = await LiveSite.start(undo, 'http', { ws: { version } })
    const port = await site.distant(30)
    const clients = await Promise.all([site.webSocket(), site.webSocket({ port })])
    let over = false
    const talks = clients.map(async ({ socket, heard, closed }) => {
      socket.send('push')
      let sent = 0
      while (!over || sent < 50) {
        socket.send(`later ${sent++}`)
        if (sent % 7 === 0) socket.ping()
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      const all = (): boolean => heard.filter((each) => each.startsWith('later')).length === sent
      while (!all()) await once(socket, 'message')
      const pushes = heard.filter((each) => each.startsWith('push'))
      expect(pushes).toEqual(pushes.map((_, index) => `push ${index}`))
      const answers = heard.filter((each) => each.startsWith('later'))
      expect(new Set(answers).size).toBe(sent)
      expect(await Promise.race([closed, Promise.resolve('open')])).toBe('open')
    })
    for (let restarts = 0; restarts < 3; restarts++) {
      const { complete } = await site.restart()
      expect(complete).toMatchObject({ websockets: { sent: 2 }, cut: 0 })
    }
    over = true
    await Promise.all(talks)
  })

  test('moves with whatever part of a message has arrived, cut at any byte', async () => {
    const site = await LiveSite.start(undo, 'http', { ws: { version } })
    const long = 'x'.repeat(300)
    const huge = 'y'.repeat(70_000)
    const parts = [
      [frame('short')],
      [frame(long)],
      [
        frame('first,', { fin: false }),
        frame('second,', { fin: false, opcode: 0 }),
        frame('third', { opcode: 0 }),
      ],
      [frame('', { fin: false }), frame('p', { opcode: 9 }), frame('rest', { opcode: 0 })],
      [frame('before,', { fin: false }), frame('ping', { opcode: 9 }), frame('after', { opcode: 0 })],
      [frame(Buffer.from('binary'), { opcode: 2 })],
    ]
    const cases = parts.flatMap((frames) => {
      const bytes: Buffer = Buffer.concat(frames)
      const cuts = Array.from({ length: Math.min(bytes.length, 40) + 1 }, (_, cut) => cut)
      return cuts.map((cut) => ({ bytes, cut, frames }))
    })
    const bytes: Buffer = frame(huge)
    for (const cut of [5, 10, 13, 14, 15, 65_536]) cases.push({ bytes, cut, frames: [bytes] })
    const clients = await Promise.all(cases.map(() => site.rawWebSocket()))
    for (const client of clients) await expect(client.text()).resolves.toBe('hello 1')
    for (const [index, client] of clients.entries()) {
      const { bytes: all, cut } = cases[index]!
      if (cut > 0) client.write(all.subarray(0, cut))
    }
    // What was written before this is there by the time that it is answered.
    const marker = await site.webSocket()
    await ask(marker.socket, 'all')
    await ask(marker.socket, 'sent')
    const { complete } = await site.restart()
    expect(complete).toMatchObject({ websockets: { sent: cases.length + 1 }, cut: 0 })
    for (const [index, client] of clients.entries()) {
      const { bytes: all, cut } = cases[index]!
      client.write(all.subarray(cut))
      const text = await answer(client)
      const expected = messageOf(cases[index]!.frames)
      expect([cut, text]).toEqual([cut, expected])
    }
  }, 120_000)
})

async function answer(client: RawWebSocket): Promise<string> {
  for (;;) {
    const { opcode, payload } = await client.next()
    if (opcode < 8) return payload.toString()
  }
}

function messageOf(frames: Buffer[]): string {
  const data = frames
    .filter((each) => (each[0]! & 15) < 8)
    .map((each) => {
      const extended = (each[1]! & 127) === 126 ? 2 : (each[1]! & 127) === 127 ? 8 : 0
      const payload = Buffer.from(each.subarray(2 + extended + 4))
      const mask = each.subarray(2 + extended, 6 + extended)
      return payload.map((byte, index) => byte ^ mask[index % 4]!)
    })
  const text = Buffer.concat(data).toString()
  return (frames[0]![0]! & 15) === 2 ? text : `echo ${text}`
}
