import { leftovers } from '@zerodrop/traffic'
import type { Fault } from './support/site.ts'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }
const merged = /pid \d+: asked to restart again: one more restart follows the one to generation \d+/

/** Resolves with who answers, when this version serves. */
async function served(site: Site, version: string): Promise<{ pid: number; generation: number }> {
  // The time in which a successor that is given up waits for a processor does not count for it.
  const timeout = 120_000
  await site.app.waitFor((event) => event.event === 'listening' && event.version === version, { timeout })
  for (;;) {
    const client = await site.connect()
    const identity = identityOf(await client.request())
    client.destroy()
    if (identity.version === version) return identity
  }
}

const boots = (site: Site): number => site.app.lines.filter(({ event }) => event === 'booted').length

describePosix('a restart signal that comes when the successor may have read the old code', () => {
  test('while the successor starts: one more restart follows, however many signals came', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const client = await site.connect()
    site.deploy('2', 'boots-at-a-gate')
    const pid = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    site.deploy('3')
    for (let count = 0; count < 10; count++) site.app.signal(count % 2 === 0 ? 'SIGHUP' : 'SIGUSR2', pid)
    // The process answers, so it has got the signals.
    expect(identityOf(await client.request())).toMatchObject({ pid })
    visit.open()
    await expect(served(site, '3')).resolves.toMatchObject({ generation: 3 })
    await site.app.exitOf(visit.pid)
    expect(boots(site)).toBe(3)
    await site.app.waitForStderr(merged)
    expect(site.app.stderr).not.toContain('restart failed')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test.each<[string, Fault]>([
    ['never listens', 'never-listens'],
    ['blocks its event loop', 'spins'],
  ])('while the successor, which %s, is not ready: it is given up for the next', async (_how, fault) => {
    const site = await Site.start(undo, 'http.mjs')
    const client = await site.connect()
    site.deploy('2', fault)
    const pid = site.app.signal('SIGHUP')
    const from = site.app.lines.length
    const hung = await site.app.waitFor('booted', { from })
    site.deploy('3')
    site.app.signal('SIGHUP', pid)
    await expect(served(site, '3')).resolves.toMatchObject({ generation: 2 })
    await site.app.exitOf(hung.pid!)
    await site.app.exitOf(pid)
    expect(identityOf(await client.request())).toMatchObject({ version: '3' })
    await site.app.waitForStderr(/restart failed: ERR_ZERODROP_RESTART_SUPERSEDED: /)
    expect(boots(site)).toBe(3)
  })

  test('to the old process, while it hands over: the successor makes the restart', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const held = await site.connect()
    const answer = held.request({ path: '/hold' })
    const visit = await site.gates.visit()
    site.deploy('2')
    const { before, after } = await site.restart()
    site.deploy('3')
    site.app.signal('SIGHUP', before)
    await site.app.waitForStderr(merged)
    visit.open()
    expect(await answer).toMatchObject({ status: 200 })
    await expect(served(site, '3')).resolves.toMatchObject({ generation: 3 })
    await site.app.exitOf(after)
    expect(boots(site)).toBe(3)
  })

  test('to the old process, which is about to exit: the successor makes the restart', async () => {
    const site = await Site.start(undo, 'http.mjs', {}, { blocksAtExit: true })
    site.deploy('2')
    const { before, after } = await site.restart()
    await site.app.waitFor('exiting')
    site.deploy('3')
    site.app.signal('SIGHUP', before)
    site.unblock()
    await site.app.waitForStderr(merged)
    await expect(served(site, '3')).resolves.toMatchObject({ generation: 3 })
    await site.app.exitOf(after)
    expect(boots(site)).toBe(3)
  })

  test('to the successor, which is only starting: one more follows', async () => {
    const site = await Site.start(undo, 'http.mjs')
    site.deploy('2', 'boots-at-a-gate')
    site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    site.deploy('3')
    site.app.signal('SIGHUP', visit.pid)
    await site.app.waitForStderr(merged)
    visit.open()
    await expect(served(site, '3')).resolves.toMatchObject({ generation: 3 })
  })

  test('to the successor, which listens and never becomes ready: the predecessor gives it up', async () => {
    const site = await Site.start(undo, 'http.mjs', { manualReady: true })
    ;(await site.gates.visit()).open()
    site.deploy('2')
    const from = site.app.lines.length
    const pid = site.app.signal('SIGHUP')
    const hung = await site.app.waitFor('listening', { from })
    const visit = await site.gates.visit()
    expect(visit.pid).toBe(hung.pid)
    site.deploy('3')
    site.app.signal('SIGHUP', hung.pid!)
    const next = await site.gates.visit()
    next.open()
    await site.app.exitOf(pid)
    await expect(served(site, '3')).resolves.toMatchObject({ pid: next.pid, generation: 2 })
  })

  test('to the successor, whose predecessor then dies: one more follows', async () => {
    const site = await Site.start(undo, 'http.mjs')
    site.deploy('2', 'boots-at-a-gate')
    const pid = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    process.kill(pid, 'SIGKILL')
    await site.app.exited
    site.deploy('3')
    site.app.signal('SIGHUP', visit.pid)
    visit.open()
    await expect(served(site, '3')).resolves.toMatchObject({ generation: 3 })
  })
})

describePosix('restart signals from before the successor was started', () => {
  test('are one', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const held = await site.connect()
    const answer = held.request({ path: '/hold' })
    const visit = await site.gates.visit()
    site.deploy('2')
    const { before, after } = await site.restart()
    site.deploy('3')
    // Its predecessor is still there, so it starts nobody yet.
    for (let count = 0; count < 5; count++) {
      site.app.signal('SIGHUP', after)
      expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: after })
    }
    await site.app.waitForStderr(/asked to restart again: the restart to generation 3 serves for both/)
    visit.open()
    expect(await answer).toMatchObject({ status: 200 })
    await site.app.exitOf(before)
    await expect(served(site, '3')).resolves.toMatchObject({ generation: 3 })
    await site.app.exitOf(after)
    expect(boots(site)).toBe(3)
  })
})

describePosix('restart signals to every process there is', () => {
  test('at any moment of a restart end no process, and the last release serves', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const { app } = site
    let version = 1
    const deploy = (): void => {
      site.deploy(`${++version}`)
      for (const pid of app.family()) hangUp(pid)
    }
    // Fast enough for some of them to arrive while Node itself is starting.
    const deadline = performance.now() + 3000
    while (performance.now() < deadline) {
      deploy()
      await new Promise((resolve) => setTimeout(resolve, 7))
    }
    await served(site, `${version}`)
    expect(app.lines.filter(({ event }) => event === 'restart-failed')).toEqual([])
  })
})

function hangUp(pid: number): void {
  try {
    process.kill(pid, 'SIGHUP')
  } catch {
    // It has ended since.
  }
}
