import { ZerodropError } from '../../src/errors/zerodrop-error.ts'
import { ignore, ignored, notify, notifyContext, reset } from '../../src/signals/process-signals.ts'
import { SignalChannel } from '../../src/signals/signal-channel.ts'
import { watchContext } from '../../src/signals/signal-context.ts'
import { SignalHub } from '../../src/signals/signal-hub.ts'
import { allSignals } from '../../src/signals/signal-name.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn, turns } from '../turns.ts'

function world() {
  const system = new FakeSystem()
  const hub = new SignalHub(system)
  const open = (size: number, ...signals: NodeJS.Signals[]) => {
    const channel = new SignalChannel(hub, size)
    channel.add(...signals)
    return channel
  }
  return { system, hub, open }
}

const gives = (value: NodeJS.Signals) => ({ done: false, value })
const done = { done: true, value: undefined }

describe('a channel', () => {
  test('yields signals that arrived, in order, and those that arrive later', async () => {
    const { system, open } = world()
    const channel = open(16, 'SIGTERM', 'SIGHUP')
    system.deliver('SIGHUP')
    system.deliver('SIGTERM')
    await expect(channel.next()).resolves.toEqual(gives('SIGHUP'))
    await expect(channel.next()).resolves.toEqual(gives('SIGTERM'))
    const both = Promise.all([channel.next(), channel.next()])
    system.deliver('SIGTERM')
    system.deliver('SIGHUP')
    await expect(both).resolves.toEqual([gives('SIGTERM'), gives('SIGHUP')])
  })

  test('drops signals that do not fit into its buffer, and counts them', async () => {
    const { system, open } = world()
    const [narrow, wide, none] = [open(1, 'SIGTERM'), open(3, 'SIGTERM'), open(0, 'SIGTERM')]
    const waiting = none.next()
    for (let count = 0; count < 3; count += 1) system.deliver('SIGTERM')
    expect([narrow.dropped, wide.dropped, none.dropped]).toEqual([2, 0, 2])
    await expect(waiting).resolves.toEqual(gives('SIGTERM'))
    await expect(narrow.next()).resolves.toEqual(gives('SIGTERM'))
    system.deliver('SIGTERM')
    expect(narrow.dropped).toBe(2)
  })

  test('the first channel takes a signal, the last gives it back, and each gets its own copy', async () => {
    const { system, open } = world()
    expect(system.deliver('SIGTERM')).toBe(false)
    const [one, other] = [open(9, 'SIGTERM'), open(9, 'SIGTERM', 'SIGHUP')]
    expect(system.signals).toEqual(['SIGTERM', 'SIGHUP'])
    system.deliver('SIGTERM')
    one.stop()
    system.deliver('SIGTERM')
    await turns()
    expect(system.signals).toEqual(['SIGTERM', 'SIGHUP'])
    other.stop()
    other.stop()
    await turns()
    expect(system.signals).toEqual([])
    expect([await one.next(), await one.next()]).toEqual([gives('SIGTERM'), done])
    expect([await other.next(), await other.next(), await other.next()]).toEqual([
      gives('SIGTERM'),
      gives('SIGTERM'),
      done,
    ])
  })

  test('a pending next() ends when the channel is stopped', async () => {
    const { open } = world()
    const channel = open(1, 'SIGTERM')
    const waiting = [channel.next(), channel.next()]
    channel.stop()
    await expect(Promise.all(waiting)).resolves.toEqual([done, done])
    channel.add('SIGHUP')
    await expect(channel.next()).resolves.toEqual(done)
  })

  test('add() accumulates; a signal listed twice arrives once', async () => {
    const { system, open } = world()
    const channel = open(9, 'SIGTERM', 'SIGTERM')
    channel.add('SIGHUP', 'SIGTERM')
    system.deliver('SIGTERM')
    system.deliver('SIGHUP')
    channel.stop()
    const all = []
    for await (const signal of channel) all.push(signal)
    expect(all).toEqual(['SIGTERM', 'SIGHUP'])
  })

  test('takes all signals that can be caught if no list is given', async () => {
    const { system, open } = world()
    const channel = open(1)
    expect(system.signals).toEqual(allSignals())
    channel.stop()
    await turns()
    expect(system.signals).toEqual([])
  })

  test('is stopped and emptied when a for await loop exits', async () => {
    const { system, open } = world()
    const channel = open(9, 'SIGTERM')
    system.deliver('SIGTERM')
    system.deliver('SIGTERM')
    for await (const signal of channel) {
      expect(signal).toBe('SIGTERM')
      break
    }
    await expect(channel.next()).resolves.toEqual(done)
    await turns()
    expect(system.signals).toEqual([])
  })

  test('is stopped at the end of its scope', async () => {
    const { system, open } = world()
    open(1, 'SIGTERM')[Symbol.dispose]()
    await open(1, 'SIGHUP')[Symbol.asyncDispose]()
    await turns()
    expect(system.signals).toEqual([])
  })

  test('a signal between the last stop() and the default action takes the default action', async () => {
    const { system, open } = world()
    open(1, 'SIGTERM').stop()
    expect(system.deliver('SIGTERM')).toBe(true)
    await turns()
    expect(system.kills).toEqual([[system.pid, 'SIGTERM']])
  })

  test('a signal that other code in the process has seen does not take the default action', async () => {
    const { system, open } = world()
    open(1, 'SIGTERM').stop()
    system.onSignal('SIGTERM', () => {})
    system.deliver('SIGTERM')
    await turns()
    expect([system.kills, system.signals]).toEqual([[], ['SIGTERM']])
  })

  test('a new channel takes over from one that has just stopped, and no signal is lost between them', async () => {
    const { system, open } = world()
    open(1, 'SIGTERM').stop()
    const next = open(1, 'SIGTERM')
    system.deliver('SIGTERM')
    await turns()
    expect(system.kills).toEqual([])
    await expect(next.next()).resolves.toEqual(gives('SIGTERM'))
  })

  test('a new channel gets what arrived before it, between the last stop() and the default action', async () => {
    const { system, open } = world()
    open(1, 'SIGTERM').stop()
    system.deliver('SIGTERM')
    await turn()
    const next = open(1, 'SIGTERM')
    await turns()
    await expect(next.next()).resolves.toEqual(gives('SIGTERM'))
    next.stop()
    await turns()
    expect([system.kills, system.signals]).toEqual([[], []])
  })

  test('a signal that arrived in between is dropped by ignore(), and kept by reset()', async () => {
    const { system, hub, open } = world()
    open(1, 'SIGTERM', 'SIGHUP').stop()
    system.deliver('SIGTERM')
    system.deliver('SIGHUP')
    hub.ignore(['SIGTERM'])
    hub.reset(['SIGTERM', 'SIGHUP'])
    await turns()
    expect(system.kills).toEqual([[system.pid, 'SIGHUP']])
  })

  test('a channel that starts and stops within one turn still has a whole turn', async () => {
    const { system, open } = world()
    open(1, 'SIGTERM').stop()
    await turn()
    open(1, 'SIGTERM').stop()
    await turn()
    expect(system.signals).toEqual(['SIGTERM'])
    await turns()
    expect(system.signals).toEqual([])
  })

  test('a signal that stays taken is not buffered while no channel subscribes to it', async () => {
    const { system, open } = world()
    open(1, 'SIGPIPE').stop()
    await turns()
    system.deliver('SIGPIPE')
    const next = open(1, 'SIGPIPE')
    next.stop()
    await expect(next.next()).resolves.toEqual(done)
  })

  test('a signal that would kill the process if given back stays taken', async () => {
    const { system, hub, open } = world()
    open(1, 'SIGPIPE', 'SIGUSR1', 'SIGTERM').stop()
    await turns()
    expect(system.signals).toEqual(['SIGPIPE', 'SIGUSR1'])
    expect([hub.isIgnored('SIGPIPE'), hub.isIgnored('SIGTERM')]).toEqual([true, false])
  })

  test('takes nothing if its arguments are invalid', () => {
    const { system, open } = world()
    expect(() => open(1, 'SIGTERM', 'SIGTREM' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ZERODROP_SIGNAL_UNKNOWN' }),
    )
    expect(() => open(1, 'SIGHUP', 'SIGKILL')).toThrow(
      expect.objectContaining({ code: 'ERR_ZERODROP_SIGNAL_UNSUPPORTED' }),
    )
    expect(system.signals).toEqual([])
  })

  test.each([-1, 1.5, NaN, Infinity, '1', null])('a buffer of %p is rejected', (buffer) => {
    const before = process.listenerCount('SIGWINCH')
    expect(() => notify({ buffer: buffer as number }, 'SIGWINCH')).toThrow(
      expect.objectContaining({ code: 'ERR_ZERODROP_OPTION_INVALID' }),
    )
    expect(process.listenerCount('SIGWINCH')).toBe(before)
  })
})

describe('invalid lists of signals', () => {
  const refused = (code: string, message: unknown) => expect.objectContaining({ code, message })

  test.each([[['SIGWINCH']], [[]], [null]])('notify(%p) takes nothing', (list) => {
    const before = process.listenerCount('SIGWINCH')
    expect(() => notify(list as never)).toThrow(
      refused(
        'ERR_ZERODROP_OPTION_INVALID',
        expect.stringMatching(/^Expected "options" to be an object such as/),
      ),
    )
    expect(process.listenerCount('SIGWINCH')).toBe(before)
  })

  test('an unknown option', () => {
    expect(() => notify({ bufer: 1 } as never, 'SIGWINCH')).toThrow(
      refused('ERR_ZERODROP_OPTION_UNKNOWN', 'notify() has no option "bufer". Its options are buffer.'),
    )
  })

  test.each([
    [15, 'There is no signal 15: signals go by name. Did you mean SIGTERM?'],
    [
      9,
      'There is no signal 9: signals go by name. SIGKILL cannot be handled by any process. Did you mean SIGTERM?',
    ],
    [0, expect.stringMatching(/^There is no signal 0: signals go by name\. Those of \w+ are .*\bSIGTERM\b/)],
    [undefined, expect.stringMatching(/^There is no signal undefined: signals go by name\. Those of /)],
    [
      ['SIGWINCH'],
      "There is no signal [ 'SIGWINCH' ]: signals go by name. List them one by one, not in an array.",
    ],
    [
      { buffer: 1 },
      expect.stringMatching(/^There is no signal { buffer: 1 }: signals go by name\. Those of /),
    ],
  ])('%p is not a signal name', (value, message) => {
    const before = process.listenerCount('SIGWINCH')
    const name = value as never
    const expected = refused('ERR_ZERODROP_SIGNAL_UNKNOWN', message)
    for (const call of [notifyContext, ignore, ignored, reset]) expect(() => call(name)).toThrow(expected)
    expect(() => notify('SIGWINCH', name)).toThrow(expected)
    expect(process.listenerCount('SIGWINCH')).toBe(before)
  })
})

describe('ignore and reset', () => {
  test('ignore() takes a signal from all channels until the next notify()', async () => {
    const { system, hub, open } = world()
    const channel = open(9, 'SIGTERM', 'SIGHUP')
    hub.ignore(['SIGTERM'])
    expect([hub.isIgnored('SIGTERM'), hub.isIgnored('SIGHUP')]).toEqual([true, false])
    system.deliver('SIGTERM')
    channel.add('SIGTERM')
    expect(hub.isIgnored('SIGTERM')).toBe(false)
    system.deliver('SIGTERM')
    channel.stop()
    expect([await channel.next(), await channel.next()]).toEqual([gives('SIGTERM'), done])
    await turns()
    expect([system.signals, system.kills]).toEqual([[], []])
  })

  test('reset() gives signals back, even with open channels', async () => {
    const { system, hub, open } = world()
    open(1, 'SIGTERM', 'SIGHUP')
    hub.ignore(['SIGINT'])
    hub.reset(['SIGTERM', 'SIGINT', 'SIGQUIT'])
    await turns()
    expect([system.signals, hub.isIgnored('SIGINT')]).toEqual([['SIGHUP'], false])
  })

  test('a signal that the kernel ignores stays ignored until a channel takes it', () => {
    const { system, hub, open } = world()
    system.ignoredSignals.add('SIGHUP')
    expect(hub.isIgnored('SIGHUP')).toBe(true)
    open(1, 'SIGHUP')
    expect(hub.isIgnored('SIGHUP')).toBe(false)
  })
})

describe('a context', () => {
  test('is aborted by the first signal, which its reason names', async () => {
    const { system, hub } = world()
    const { signal, stop } = watchContext(hub, ['SIGINT', 'SIGTERM'])
    expect(signal.aborted).toBe(false)
    system.deliver('SIGTERM')
    expect(signal.reason).toBeInstanceOf(ZerodropError)
    expect(signal.reason).toMatchObject({
      code: 'ERR_ZERODROP_SIGNAL_RECEIVED',
      name: 'ZerodropError',
      signal: 'SIGTERM',
      message: 'SIGTERM arrived.',
    })
    // Taken until stop(), as in Go.
    expect(system.deliver('SIGINT')).toBe(true)
    expect(signal.reason).toMatchObject({ signal: 'SIGTERM' })
    stop()
    await turns()
    expect(system.signals).toEqual([])
  })

  test('stop() aborts nothing', async () => {
    const { system, hub } = world()
    const context = watchContext(hub, ['SIGINT'])
    context[Symbol.dispose]()
    await turns()
    expect([context.signal.aborted, system.signals]).toEqual([false, []])
  })
})
