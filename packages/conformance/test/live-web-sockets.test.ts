import { once } from 'node:events'
import { leftovers } from '@zerodrop/traffic'
import { ask, expectSurvivalOfDeath, type LiveDeploy, LiveSite, nextMessage } from './support/live-site.ts'
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

  test('moves with a partially received message, split at any byte', async () => {
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

describePosix('a WebSocket that moves', () => {
  test('gets the answers that the old process gives late', async () => {
    const site = await LiveSite.start(undo, 'http')
    const { socket, heard } = await site.webSocket()
    socket.send('gate slow')
    const visit = await site.gates.visit()
    const { before, after, from } = await site.begin()
    await site.app.waitFor('restored', { from })
    await expect(ask(socket, 'which')).resolves.toBe('generation 2 2')
    const late = nextMessage(socket)
    visit.open()
    await expect(late).resolves.toBe('late slow 1')
    await site.app.exitOf(before)
    await expect(ask(socket, 'which')).resolves.toBe('generation 2 3')
    expect(heard).toHaveLength(4)
    expect(site.app.isAlive(after)).toBe(true)
  })

  test('is closed by the successor if the old process closes it late', async () => {
    const site = await LiveSite.start(undo, 'http')
    const { socket, closed } = await site.webSocket()
    socket.send('close-later')
    const visit = await site.gates.visit()
    const { from } = await site.begin()
    await site.app.waitFor('restored', { from })
    visit.open()
    await expect(closed).resolves.toBe(4001)
    await site.app.waitFor('closed', { from })
    expect(site.app.lines.filter(({ event }) => event === 'closed')).toEqual([
      expect.objectContaining({ generation: 2, code: 4001 }),
    ])
  })

  test('sends what "save" sends', async () => {
    const site = await LiveSite.start(undo, 'http', { save: 'sends' })
    const { socket } = await site.webSocket()
    const last = nextMessage(socket)
    await site.restart()
    await expect(last).resolves.toBe('saved')
    await expect(ask(socket, 'which')).resolves.toBe('generation 2 1')
  })

  test('keeps its subprotocol, and is closed with 1012 if the new version does not have that', async () => {
    const site = await LiveSite.start(undo, 'http', { ws: { protocols: 'v1' } })
    const { socket, closed } = await site.webSocket({ protocols: ['v1', 'v2'] })
    await site.restart()
    await expect(ask(socket, 'one')).resolves.toBe('echo one')
    expect(socket.protocol).toBe('v1')
    site.deploy({ ws: { protocols: 'v2' } })
    await site.restart()
    await expect(closed).resolves.toBe(1012)
  })

  test('is closed with 1012 if the new version refuses it', async () => {
    const site = await LiveSite.start(undo, 'http')
    const { heard, closed } = await site.webSocket()
    site.deploy({ ws: { server: { refuses: true } } })
    await site.restart()
    await expect(closed).resolves.toBe(1012)
    expect(heard).toEqual(['hello 1'])
  })

  test('waits for an upgrade that the new version accepts later, and then gets what came late', async () => {
    const site = await LiveSite.start(undo, 'http', { ws: { server: { noServer: true } } })
    const { socket } = await site.webSocket()
    socket.send('gate slow')
    const slow = await site.gates.visit()
    site.deploy({ ws: { server: { noServer: 'gate' } } })
    await site.begin()
    const upgrade = await site.gates.visit()
    const messages: string[] = []
    socket.on('message', (data: Buffer) => messages.push(String(data)))
    slow.open()
    socket.send('which')
    const { pid } = site.app.lines.find(({ event }) => event === 'listening')!
    await site.app.exitOf(pid!)
    upgrade.open()
    while (messages.length < 2) await once(socket, 'message')
    expect(messages.sort()).toEqual(['generation 2 2', 'late slow 1'])
  })

  test('moves while its client streams large messages without a pause', async () => {
    const site = await LiveSite.start(undo, 'http')
    const { socket } = await site.webSocket()
    const payload = Buffer.alloc(1024 * 1024, 7)
    let sent = 0
    let answered = 0
    let over = false
    socket.on('message', (data: Buffer) => {
      if (data.length === payload.length) answered++
    })
    const pump = (): void => {
      if (over) return
      sent++
      socket.send(payload, () => setImmediate(pump))
    }
    for (let each = 0; each < 4; each++) pump()
    while (answered < 3) await once(socket, 'message')
    const { complete } = await site.restart()
    over = true
    expect(complete).toMatchObject({ websockets: { sent: 1 }, cut: 0 })
    while (answered < sent) await once(socket, 'message')
    await expect(ask(socket, 'one')).resolves.toBe('echo one')
  })

  test('is not torn by fragments that its application is sending', async () => {
    const site = await LiveSite.start(undo, 'http')
    const { socket, heard } = await site.webSocket()
    await expect(ask(socket, 'one')).resolves.toBe('echo one')
    socket.send('begin')
    await site.begin()
    socket.send('end')
    await expect(nextMessage(socket)).resolves.toBe('begin,end')
    await site.app.waitFor('complete')
    await expect(ask(socket, 'which')).resolves.toMatch(/^generation 2/)
    expect(heard).toHaveLength(4)
  })

  test('can ping and pong both ways', async () => {
    const site = await LiveSite.start(undo, 'http')
    const client = await site.rawWebSocket()
    await client.text()
    await site.restart()
    client.write(frame('are you there', { opcode: 9 }))
    await expect(client.next()).resolves.toMatchObject({ opcode: 10, payload: Buffer.from('are you there') })
  })
})

describePosix('a WebSocket that cannot move', () => {
  const stayed = async (deploy: LiveDeploy, next: LiveDeploy = deploy) => {
    const site = await LiveSite.start(undo, 'http', deploy)
    const client = await site.webSocket()
    site.deploy(next)
    const from = site.app.lines.length
    const { complete } = await site.restart()
    await expect(client.closed).resolves.toBe(1012)
    expect(complete).toMatchObject({ websockets: { sent: 0 }, cut: 0 })
    const reasons = site.app.lines
      .slice(from)
      .filter(({ event }) => event === 'stayed')
      .map(({ connection }) => (connection as { reason: string }).reason)
    return { site, reasons }
  }

  test.each([
    ['throws', 0],
    ['function', 1],
  ] as const)(
    'because "save" %s is closed with 1012 and reported once; "stay" is called %i times',
    async (save, stays) => {
      const { site, reasons } = await stayed({ save })
      expect(reasons).toEqual(['save-failed'])
      expect(site.app.stderr.match(/ERR_ZERODROP_SAVE_FAILED/g)).toHaveLength(1)
      expect(site.app.lines.filter(({ event }) => event === 'stay')).toHaveLength(stays)
    },
  )

  test('because its state is too large is closed with 1012', async () => {
    const { site, reasons } = await stayed({ save: 'large' })
    expect(reasons).toEqual(['save-failed'])
    expect(site.app.stderr).toContain('ERR_ZERODROP_STATE_TOO_LARGE')
    expect(site.app.lines.filter(({ event }) => event === 'stay')).toHaveLength(1)
  })

  test('because its version of ws is unknown is closed with 1012, and reported once', async () => {
    const { site, reasons } = await stayed({ unknown: true })
    expect(reasons).toEqual(['other-version'])
    expect(site.app.stderr.match(/ERR_ZERODROP_WEBSOCKETS_UNKNOWN/g)).toHaveLength(1)
  })

  test('because the new version does not take it is closed with 1012', async () => {
    const { reasons } = await stayed({}, { handover: false })
    expect(reasons).toEqual(['not-taken'])
  })

  test('because the new version takes others is closed with 1012', async () => {
    const { reasons } = await stayed({}, { ws: { handover: { name: 'another' } } })
    expect(reasons).toEqual(['not-taken'])
  })

  test('because the application has not enabled it is closed with 1012', async () => {
    const { reasons } = await stayed({ handover: false })
    expect(reasons).toEqual([])
  })

  test('because "migrate" is false is closed with 1012', async () => {
    const { reasons } = await stayed({ options: { migrate: false } })
    expect(reasons).toEqual(['migrate'])
  })

  test('because its client does not read stays until it does', async () => {
    const site = await LiveSite.start(undo, 'http')
    const client = await site.rawWebSocket()
    const other = await site.webSocket()
    await client.text()
    client.socket.pause()
    client.write(frame('many 200'))
    const from = site.app.lines.length
    const { before } = await site.begin()
    await site.app.waitFor('restored', { from })
    await expect(ask(other.socket, 'which')).resolves.toMatch(/^generation 2/)
    expect(site.app.isAlive(before)).toBe(true)
    client.socket.resume()
    for (let frames = 0; frames < 200; frames++) expect((await client.next()).payload.length).toBe(65_536)
    await site.app.waitFor('complete', { from })
    client.write(frame('which'))
    await expect(client.text()).resolves.toMatch(/^generation 2/)
  })

  test('because its client never reads is closed at the deadline', async () => {
    const site = await LiveSite.start(undo, 'http', { options: { drainTimeout: 1500 } })
    const client = await site.rawWebSocket()
    await client.text()
    client.socket.pause()
    client.write(frame('many 2000'))
    const { before } = await site.begin()
    await site.app.exitOf(before)
    expect(site.app.lines.find(({ event }) => event === 'complete')).toMatchObject({ cut: 1 })
    expect(site.app.stderr).toMatch(/GET \/socket from .*\(upgraded/)
  })
})

describePosix('a successor that dies while it takes WebSockets', () => {
  test('leaves those that it has not taken in the old process, which keeps serving', async () => {
    const site = await LiveSite.start(undo, 'http')
    const before = await expectSurvivalOfDeath(site)
    expect(site.app.isAlive(before)).toBe(false)
  })
})

describePosix('a successor that is stopped while it takes WebSockets', () => {
  test('takes no more, drains and exits', async () => {
    const site = await LiveSite.start(undo, 'http')
    const clients = await Promise.all(Array.from({ length: 60 }, () => site.webSocket()))
    const { after, from } = await site.begin()
    await site.app.waitFor('restored', { from })
    site.app.signal('SIGTERM', after)
    await site.app.exitOf(after)
    expect(site.app.stderr).toMatch(new RegExp(`pid ${after}: drained in .* 0 cut`))
    // Some by it, the others by its predecessor.
    const codes = await Promise.all(clients.map(({ closed }) => closed))
    expect(codes.filter((code) => code !== 1001 && code !== 1012)).toEqual([])
  })
})

describePosix('compressed WebSockets', () => {
  const perMessageDeflate = { threshold: 0 }
  const words = (index: number): string =>
    `echo of some words that compress well, ${index}, of some words that do`

  const talk = async (server: object, handover: object, client: object) => {
    const site = await LiveSite.start(undo, 'http', {
      ws: { server: { perMessageDeflate: server }, handover },
    })
    const { socket, closed } = await site.webSocket({ perMessageDeflate: client as never })
    for (let index = 0; index < 5; index++)
      await expect(ask(socket, words(index))).resolves.toBe(`echo ${words(index)}`)
    return { site, socket, closed }
  }

  test.each([
    ['without client context takeover', { ...perMessageDeflate, clientNoContextTakeover: true }, {}, {}],
    [
      'without any context takeover',
      { ...perMessageDeflate, clientNoContextTakeover: true, serverNoContextTakeover: true },
      {},
      {},
    ],
    ['with context takeover and keepWindow', perMessageDeflate, { keepWindow: true }, perMessageDeflate],
  ])('%s move', async (_name, server, handover, client) => {
    const { site, socket } = await talk(server, handover, client)
    for (let restarts = 0; restarts < 2; restarts++) {
      const { complete } = await site.restart()
      expect(complete).toMatchObject({ websockets: { sent: 1 } })
      for (let index = 0; index < 5; index++)
        await expect(ask(socket, words(index))).resolves.toBe(`echo ${words(index)}`)
    }
  })

  test('with keepWindow move after more has arrived than the window holds', async () => {
    const site = await LiveSite.start(undo, 'http', {
      ws: { server: { perMessageDeflate }, handover: { keepWindow: true } },
    })
    const { socket } = await site.webSocket({ perMessageDeflate })
    let seed = 1
    const text = (): string => {
      const some = Array.from({ length: 400 }, () => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
        return `word${seed % 5000}`
      })
      return some.join('-')
    }
    const first = text()
    for (let restarts = 0; restarts < 3; restarts++) {
      for (let index = 0; index < 20; index++) {
        const message = index === 10 ? first : text()
        await expect(ask(socket, message)).resolves.toBe(`echo ${message}`)
      }
      const { complete } = await site.restart()
      expect(complete).toMatchObject({ websockets: { sent: 1 } })
    }
    await expect(ask(socket, first)).resolves.toBe(`echo ${first}`)
  })

  test('with context takeover are closed with 1012, and reported', async () => {
    const { site, closed } = await talk(perMessageDeflate, {}, perMessageDeflate)
    const { complete } = await site.restart()
    expect(complete).toMatchObject({ websockets: { sent: 0 } })
    await expect(closed).resolves.toBe(1012)
    expect(site.app.lines.find(({ event }) => event === 'stayed')).toMatchObject({
      connection: { kind: 'websocket', reason: 'compressed', method: 'GET', url: '/socket' },
    })
  })

  test('with context takeover move if no message has arrived yet', async () => {
    const site = await LiveSite.start(undo, 'http', { ws: { server: { perMessageDeflate } } })
    const { socket } = await site.webSocket({ perMessageDeflate })
    await site.restart()
    for (let index = 0; index < 5; index++)
      await expect(ask(socket, words(index))).resolves.toBe(`echo ${words(index)}`)
  })
})

describePosix.each([
  ['express', '/socket/.websocket'],
  ['koa', '/socket'],
  ['fastify', '/socket'],
])('WebSockets of %s', (fixture, url) => {
  test('move with ordinary handlers', async () => {
    const site = await LiveSite.start(undo, fixture)
    const clients = await Promise.all(Array.from({ length: 10 }, () => site.webSocket()))
    for (const { socket } of clients) socket.send('push')
    for (let restarts = 0; restarts < 2; restarts++) {
      const { complete } = await site.restart()
      expect(complete).toMatchObject({ websockets: { sent: 10 }, cut: 0 })
    }
    for (const { socket, heard } of clients) {
      // Its pushes come in between.
      socket.send('which')
      while (!heard.includes('generation 3 2')) await once(socket, 'message')
      const pushes = heard.filter((each) => each.startsWith('push'))
      expect(pushes).toEqual(pushes.map((_, index) => `push ${index}`))
      expect(heard.filter((each) => each.startsWith('hello'))).toEqual(['hello 1'])
    }
    expect(site.app.lines.filter(({ event }) => event === 'restored')).toContainEqual(
      expect.objectContaining({ url }),
    )
  })
})

describePosix('WebSockets over TLS', () => {
  test('are closed with 1012, and reported', async () => {
    const site = await LiveSite.start(undo, 'http', { tls: true })
    const { closed } = await site.webSocket({ secure: true, rejectUnauthorized: false })
    await site.restart()
    await expect(closed).resolves.toBe(1012)
    expect(site.app.lines.find(({ event }) => event === 'stayed')).toMatchObject({
      connection: { reason: 'tls' },
    })
  })
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
