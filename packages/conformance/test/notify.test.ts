import path from 'node:path'
import { startApp } from '../src/app-process.ts'
import { leftovers } from '@zerodrop/traffic'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const file = path.join(__dirname, '../fixtures/signals/notify.mjs')

async function play(scene: string) {
  const app = await startApp({ file, args: [scene] })
  undo.add(() => app.stop())
  return app
}

describePosix('signals as a channel, in a process of their own', () => {
  test('the first takes over the default action, the last gives it back', async () => {
    const app = await play('channel')
    await app.waitFor('ready')
    app.signal('SIGTERM')
    await expect(app.waitFor('got')).resolves.toMatchObject({ signal: 'SIGTERM' })
    await expect(app.waitFor('stopped')).resolves.toMatchObject({ handlers: 0 })
    app.signal('SIGTERM')
    await expect(app.exited).resolves.toEqual({ code: null, signal: 'SIGTERM' })
  })

  test('a signal on its way when the last subscription ends is not lost: its default action follows', async () => {
    const app = await play('lastWords')
    await expect(app.exited).resolves.toEqual({ code: null, signal: 'SIGTERM' })
    expect(app.lines).toMatchObject([{ event: 'stopped' }])
  })

  test('each gets a copy, and a full one drops and counts', async () => {
    const app = await play('many')
    await expect(app.waitFor('counted')).resolves.toMatchObject({ dropped: [18, 0] })
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })

  test('subscribes to all signals, even those that would stop or end the process', async () => {
    const app = await play('all')
    await app.waitFor('ready')
    for (const signal of ['SIGTERM', 'SIGTSTP', 'SIGWINCH', 'SIGALRM'] as const) {
      const from = app.lines.length
      app.signal(signal)
      await expect(app.waitFor('got', { from })).resolves.toMatchObject({ signal })
    }
    app.signal('SIGKILL')
    await app.exited
  })

  test('waiting for one does not keep the process alive', async () => {
    const app = await play('notHeldOpen')
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })

  test('SIGPIPE and SIGXFSZ, which Node ignores, do not kill once they were taken', async () => {
    const app = await play('pipe')
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(app.lines).toMatchObject([{ event: 'alive', ignored: [true, false] }])
  })

  test('SIGUSR1, whose handler Node does not restore, does not kill either', async () => {
    const app = await play('inspector')
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(app.lines).toMatchObject([{ event: 'alive' }])
  })

  test('ignored, and no longer', async () => {
    const app = await play('ignore')
    await expect(app.exited).resolves.toEqual({ code: null, signal: 'SIGTERM' })
    expect(app.lines).toMatchObject([{ event: 'ignored', ignored: [true, false] }, { event: 'reset' }])
  })

  test('as an AbortSignal that closes a server', async () => {
    const app = await play('context')
    await app.waitFor('ready')
    app.signal('SIGINT')
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(app.lines.at(-1)).toMatchObject({ code: 'ERR_ZERODROP_SIGNAL_RECEIVED', signal: 'SIGINT' })
  })

  test('a signal that nohup ignored is no longer ignored once Node has started', async () => {
    const app = await startApp({ file: 'nohup', execPath: 'env', args: [process.execPath, file, 'atStart'] })
    undo.add(() => app.stop())
    await expect(app.waitFor('at start')).resolves.toMatchObject({ ignored: false })
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })
})
