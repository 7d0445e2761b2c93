import { leftovers } from '@zerodrop/traffic'
import { expectFailedRestart, startAsksItself } from './support/asks-itself.ts'
import { openGates } from './support/gates.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix.each(['http', 'express', 'koa', 'fastify'])('%s: readyCheck and warmUp', (framework) => {
  test('a successor takes over when it answers, and is warm by then', async () => {
    const { app, deploy, ask } = await startAsksItself(undo, framework, { failures: 0 })
    await expect(app.waitFor('ready')).resolves.toMatchObject({ generation: 1, asked: 4 })
    deploy({ failures: 3 })
    const from = app.lines.length
    app.signal('SIGHUP')
    const { pid } = await app.waitFor('ready', { from })
    const asked = app.lines.slice(from).filter(({ event }) => event === 'asked')
    const is = (url: string, check: string) => ({ url, check, header: check, ready: false, generation: 2 })
    expect(asked.slice(0, 4)).toMatchObject(Array.from({ length: 4 }, () => is('/check', 'ready')))
    expect(
      asked.slice(4).toSorted((one, other) => (String(one['url']) < String(other['url']) ? -1 : 1)),
    ).toMatchObject([is('/broken', 'warm-up'), is('/warm', 'warm-up'), is('/warm', 'warm-up')])
    await app.exitOf(app.pid)
    await expect(ask()).resolves.toEqual({ pid, generation: 2, requests: 1 })
    await app.waitForStderr(
      /1 of 3 warm-up requests failed, the first of them: GET \/broken was answered with 500/,
    )
    app.signal('SIGTERM', pid as number)
    await expect(app.waitFor('drained', { from: app.lines.length })).resolves.toMatchObject({
      result: { cut: [], reset: 0 },
    })
  })
})

describePosix('readyCheck', () => {
  test('a successor that never answers fails the restart, and the last answer is named', () =>
    expectFailedRestart(undo, 'http'))

  test('a first generation serves before its check passes, is not ready, and warns once', async () => {
    const { app, ask } = await startAsksItself(undo, 'http', {
      failures: 1e9,
      options: { readyTimeout: 100 },
    })
    await app.waitForStderr(
      /ERR_ZERODROP_READY_TIMEOUT: This process was not ready within 100 ms: GET \/check /,
    )
    await expect(ask()).resolves.toMatchObject({ pid: app.pid, generation: 1 })
    expect(app.lines.filter(({ event }) => event === 'ready')).toEqual([])
  })

  test.each(['express', 'koa', 'fastify'])(
    '%s: the process is not told at /readyz that it waits for itself',
    async (framework) => {
      const options = { health: true, readyCheck: '/readyz', warmUp: 0 }
      const { app } = await startAsksItself(undo, framework, { failures: 0, options })
      await expect(app.waitFor('ready')).resolves.toMatchObject({ generation: 1, asked: 0 })
    },
  )
})

describePosix('readyCheck with manualReady', () => {
  test('the process sends itself a request only after it has reported that it is ready', async () => {
    const gates = await openGates(undo)
    const options = { manualReady: true }
    const { app, deploy, ask } = await startAsksItself(undo, 'http', {
      failures: 0,
      options,
      gatePort: gates.port,
    })
    ;(await gates.visit()).open()
    await app.waitFor('ready')
    deploy({ failures: 1, options, gatePort: gates.port })
    const from = app.lines.length
    app.signal('SIGHUP')
    const visit = await gates.visit()
    // The successor listens by now, and its predecessor serves.
    await expect(ask()).resolves.toMatchObject({ pid: app.pid, generation: 1 })
    expect(app.lines.slice(from).filter(({ event }) => event === 'asked')).toEqual([])
    visit.open()
    await expect(app.waitFor('ready', { from })).resolves.toMatchObject({ pid: visit.pid, asked: 5 })
    await app.exitOf(app.pid)
    await expect(ask()).resolves.toMatchObject({ pid: visit.pid, generation: 2 })
  })
})
