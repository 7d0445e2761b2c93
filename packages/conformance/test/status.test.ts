import { once } from 'node:events'
import type { Status } from '@zerodrop/core'
import { leftovers, type RawClient } from '@zerodrop/traffic'
import { describePosix, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

async function statusBy(client: RawClient): Promise<Status> {
  const { body } = await client.request({ path: '/status' })
  return JSON.parse(body.toString()) as Status
}

describePosix.each(targets)('%s: lifecycle.status()', (_name, fixture) => {
  test('shows what each connection is doing, what a drain waits for, and, in a successor, the earlier generations', async () => {
    const site = await Site.start(undo, fixture)
    const [asking, idle, unused, holding, reading, uploading] = await site.connectMany(6)
    await idle!.request()
    const held = holding!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    reading!.write('GET /never HTTP/1.1\r\nHo')
    uploading!.write('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha')
    await site.app.waitFor('upload')
    // One more round trip, by which what was written before it has been read.
    await idle!.request()
    const status = await statusBy(asking!)
    expect(status).toMatchObject({
      pid: site.app.pid,
      generation: 1,
      state: 'serving',
      ready: true,
      listeners: [{ inherited: false, accepting: true, connections: status.connections }],
      connections: {
        unused: 1,
        idle: 1,
        reading: 1,
        receiving: 1,
        // The one that is held, and the one that asks.
        handling: 2,
        responding: 0,
        requests: 3,
        closing: 0,
      },
      restarts: { completed: 0, failed: 0 },
      migrated: { received: 0, sent: 0 },
      cut: 0,
    })
    expect(status.listeners[0]?.address).toMatch(new RegExp(`^tcp://.*:${site.port}$`))
    expect(new Date(status.startedAt).getTime()).toBeLessThanOrEqual(new Date(status.readyAt ?? 0).getTime())
    reading!.destroy()
    uploading!.write('lf')
    await uploading!.nextResponse()

    site.deploy('2', 'exits')
    site.app.signal('SIGHUP')
    await site.app.waitFor('restart-failed')
    await expect(statusBy(asking!)).resolves.toMatchObject({
      restarts: { completed: 0, failed: 1 },
      lastRestart: { result: 'failed', generation: 2, error: { code: 'ERR_ZERODROP_SUCCESSOR_EXITED' } },
    })

    site.deploy('3')
    const { before } = await site.restart()
    visit.open()
    await held
    await site.app.exitOf(before)
    await expect(statusBy(holding!)).resolves.toMatchObject({
      generation: 2,
      listeners: [{ inherited: true, accepting: true }],
      restarts: { completed: 1, failed: 0 },
      migrated: { received: 5 },
      lastDrain: { cut: 0 },
      lastRestart: {
        result: 'complete',
        generation: 2,
        startedAt: expect.stringMatching(/^\d{4}-/) as unknown,
        milliseconds: expect.any(Number) as unknown,
      },
    })

    const again = idle!.request({ path: '/hold?again' })
    const second = await site.gates.visit()
    await site.drain()
    const draining = await statusBy(asking!)
    expect(draining).toMatchObject({
      state: 'draining',
      ready: false,
      drain: {
        waitingFor: expect.arrayContaining([expect.objectContaining({ url: '/hold?again' })]) as unknown,
      },
    })
    expect(draining.drain?.timeLeft).toBeGreaterThan(10_000)
    expect(draining.drain?.timeLeft).toBeLessThanOrEqual(20_000)
    second.open()
    await again
    for (const client of [unused, uploading, holding]) client!.end()
    await site.app.exitOf(site.app.pids().at(-1)!)
    expect(await site.app.exited).toEqual(clean)
  })
})

describePosix('lifecycle.status() of a server', () => {
  test('that answers a slow reader', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const [asking, slow] = await site.connectMany(2)
    const answer = slow!.request({ path: '/stream' })
    await once(slow!.socket, 'data')
    const visit = await site.gates.visit()
    await expect(statusBy(asking!)).resolves.toMatchObject({ connections: { responding: 1, requests: 2 } })
    visit.open()
    await answer
    await expect(statusBy(asking!)).resolves.toMatchObject({ connections: { idle: 1, requests: 1 } })
  })
})

describePosix("a signal with the action 'status'", () => {
  test('writes what the process is doing to stderr, and the process goes on; in a drain too', async () => {
    const site = await Site.start(undo, 'http.mjs', { signals: { SIGQUIT: 'status' } })
    const [asking, holding] = await site.connectMany(2)
    await asking!.request()
    const held = holding!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    const dumped = async (end: RegExp): Promise<string> => {
      const { length } = site.app.stderr
      site.app.signal('SIGQUIT')
      const text = (): string => site.app.stderr.slice(length).replaceAll(/^\[zerodrop\] pid \d+: /gm, '')
      while (!end.test(text())) await new Promise(setImmediate)
      return text()
    }
    const [state, listener] = (await dumped(/in flight\n/)).split('\n')
    expect(state).toMatch(/^serving, ready, generation 1, since \d{4}-\d\d-\d\dT\S+Z$/)
    expect(listener).toMatch(
      new RegExp(`^tcp://.*:${site.port}: 2 connections \\(1 idle, 1 handling\\), 1 in flight$`),
    )
    await site.drain()
    let draining = ''
    // That is known an event loop tick after the drain has begun.
    while (!draining.includes('no longer accepting')) draining = await dumped(/^waiting for .*\n/m)
    expect(draining).toMatch(/^draining, not ready, generation 1, since /)
    expect(draining).toMatch(/^tcp:\S+ \(no longer accepting\): /m)
    expect(draining).toMatch(/^draining for \d+ ms, \d+ ms left$/m)
    expect(draining).toMatch(/^waiting for GET \/hold from .* \(handling, at least \d+ ms old\)$/m)
    visit.open()
    await held
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

describePosix('a restart that waits', () => {
  test('is in the status, with what it waits for', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const held = await site.connect()
    const answer = held.request({ path: '/hold' })
    const visit = await site.gates.visit()
    site.deploy('2')
    const { before, after } = await site.restart()
    const asking = await site.connect()
    site.deploy('3')
    site.app.signal('SIGHUP', after)
    // The connection may be the predecessor's at first, and moves.
    let status = await statusBy(asking)
    while (status.waitingRestart === undefined) status = await statusBy(asking)
    expect(status.pid).toBe(after)
    expect(status.waitingRestart).toEqual({
      generation: 3,
      waitingFor: [`the predecessor (pid ${before})`],
      milliseconds: expect.any(Number) as unknown,
      timeLeft: expect.any(Number) as unknown,
    })
    visit.open()
    await answer
    await site.app.exitOf(before)
    await site.app.exitOf(after)
  })
})
