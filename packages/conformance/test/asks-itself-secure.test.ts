import { leftovers } from '@zerodrop/traffic'
import { expectFailedRestart, startAsksItself } from './support/asks-itself.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const secure = ['https', 'h2', 'h2+http1', 'h2c']

describePosix.each(secure)('%s: readyCheck and warmUp', (transport) => {
  test('a successor sends itself requests past TLS, and takes over when it answers', async () => {
    const { app, deploy, ask } = await startAsksItself(undo, transport, { failures: 0 })
    await expect(app.waitFor('ready')).resolves.toMatchObject({ generation: 1, asked: 4 })
    deploy({ failures: 2 })
    const from = app.lines.length
    app.signal('SIGHUP')
    const { pid } = await app.waitFor('ready', { from })
    const asked = app.lines.slice(from).filter(({ event }) => event === 'asked')
    expect(asked.map(({ url, check, header }) => ({ url, check, header }))).toEqual([
      ...Array.from({ length: 3 }, () => ({ url: '/check', check: 'ready', header: 'ready' })),
      ...Array.from({ length: 3 }, () => ({
        url: expect.stringMatching(/^\/(warm|broken)$/) as unknown,
        check: 'warm-up',
        header: 'warm-up',
      })),
    ])
    await app.exitOf(app.pid)
    await expect(ask()).resolves.toMatchObject({ pid, generation: 2 })
  })
})

describePosix('HTTP/2 over TLS: readyCheck', () => {
  test('a successor that never answers fails the restart', () => expectFailedRestart(undo, 'h2'))
})
