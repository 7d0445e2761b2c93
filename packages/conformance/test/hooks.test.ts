import { leftovers } from '@zerodrop/traffic'
import { describePosix, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

/** The hooks of one process that have run, in order. */
function hooksOf(site: Site, generation: number): string[] {
  return site.app.lines
    .filter((line) => line.event === 'hook' && line['generation'] === generation)
    .map(({ kind, name }) => `${String(kind)} ${String(name)}`)
}

const ready = ['onReady first', 'onReady second']
const drain = ['onDrain first', 'onDrain second']
const restart = ['onRestart first', 'onRestart second']
const end = ['onShutdown second', 'onShutdown first', 'beforeExit second', 'beforeExit first']

describePosix.each(targets)('hooks of %s', (_name, fixture) => {
  test.each(['succeed', 'throw', 'hang'] as const)(
    'that %s run in their order, at a restart and at a stop',
    async (hooks) => {
      const site = await Site.start(undo, fixture, {}, { hooks })
      await site.app.waitFor(({ kind, name }) => kind === 'onReady' && name === 'second')
      const { before, after } = await site.restart()
      await site.app.exitOf(before)
      await expect(site.app.exited).resolves.toEqual(clean)
      await site.app.waitFor(
        ({ event, generation, kind, name }) =>
          event === 'hook' && generation === 2 && kind === 'onRestart' && name === 'second',
      )
      site.app.signal('SIGTERM', after)
      await site.app.exitOf(after)
      expect(hooksOf(site, 1)).toEqual([...ready, ...restart, ...drain, ...end])
      const second = hooksOf(site, 2)
      expect(second.filter((hook) => !hook.startsWith('onRe'))).toEqual([...drain, ...end])
      expect(second.filter((hook) => hook.startsWith('onReady'))).toEqual(ready)
      expect(second.filter((hook) => hook.startsWith('onRestart'))).toEqual(restart)
      const code = { succeed: undefined, throw: 'FAILED', hang: 'TIMEOUT' }[hooks]
      // Of the two generations, each once.
      for (const kind of ['onReady', 'onDrain', 'onRestart', 'onShutdown', 'beforeExit'])
        expect(site.app.stderr.split(`ERR_ZERODROP_HOOK_${code}: The ${kind} hook "first"`)).toHaveLength(
          code === undefined ? 1 : 3,
        )
    },
  )
})

describePosix('hooks', () => {
  test('learn their side of a restart, the reason for a drain and its result', async () => {
    const site = await Site.start(undo, 'http.mjs', {}, { hooks: 'succeed' })
    const { before, after } = await site.restart()
    await site.app.exitOf(before)
    const info = (kind: string, generation: number): unknown =>
      site.app.lines.find((line) => line['kind'] === kind && line['generation'] === generation)?.['info']
    expect(info('onReady', 1)).toEqual({ generation: 1 })
    expect(info('onRestart', 1)).toEqual({ role: 'predecessor', generation: 1, pid: after })
    expect(info('onRestart', 2)).toEqual({ role: 'successor', generation: 2, pid: before })
    expect(info('onDrain', 1)).toEqual({ reason: 'restart' })
    expect(info('onShutdown', 1)).toMatchObject({ reason: 'restart', cut: [] })
    expect(info('beforeExit', 1)).toEqual({ status: 0 })
    site.app.signal('SIGTERM', after)
    await site.app.exitOf(after)
    expect(info('onDrain', 2)).toEqual({ reason: 'SIGTERM' })
    expect(info('onShutdown', 2)).toMatchObject({ reason: 'SIGTERM' })
  })

  test('learn that this process serves again after its successor has died', async () => {
    const site = await Site.start(undo, 'http.mjs', {}, { hooks: 'succeed' })
    const held = await site.connect()
    held.request({ path: '/hold' }).catch(() => {})
    await site.gates.visit()
    const from = site.app.lines.length
    const { before, after } = await site.restart()
    await site.app.waitFor((line) => line['kind'] === 'onDrain' && line.pid === before, { from })
    process.kill(after, 'SIGKILL')
    await expect(
      site.app.waitFor((line) => line['kind'] === 'onReady' && line.pid === before, { from }),
    ).resolves.toMatchObject({ generation: 1 })
    expect(hooksOf(site, 1)).not.toContain('onShutdown first')
  })
})
