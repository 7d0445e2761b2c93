import channels from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import type { LifecycleOptions } from '../../src/options/options.ts'
import { FakeSystem } from '../fake-system.ts'

const undo: (() => void)[] = []
const { subscribe } = channels
beforeEach(() => {
  // A lifecycle watches for as long as its process lives; here there is one for each test.
  jest.spyOn(channels, 'subscribe').mockImplementation((name, handler) => {
    undo.push(() => channels.unsubscribe(name, handler))
    subscribe(name, handler)
  })
})
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each()
  jest.restoreAllMocks()
})

/** A process that serves, with one request under way if wanted: nothing answers it. */
async function serving(options: LifecycleOptions = {}, conditions: Partial<FakeSystem> = {}) {
  const system = Object.assign(new FakeSystem(), conditions)
  const lifecycle = new Lifecycle(wire(system))
  lifecycle.configure(options)
  const server = http.createServer(() => {})
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  const socketPath = path.join(folder, 'app.sock')
  server.listen(socketPath)
  await once(server, 'listening')
  undo.push(() => {
    server.close()
    server.closeAllConnections()
    rmSync(folder, { recursive: true })
  })
  const hold = async () => {
    const client = net.connect(socketPath)
    undo.push(() => client.destroy())
    client.on('error', () => {}).write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(server, 'request')
  }
  return { system, lifecycle, server, hold }
}

/** Lets so much time pass that another signal to stop is a second request. */
const forceable = async (system: FakeSystem, milliseconds = 500): Promise<void> => {
  system.advance(milliseconds)
  await new Promise((resolve) => setImmediate(resolve))
}

const exited = async (system: FakeSystem): Promise<number[]> => {
  while (system.exits.length === 0) await new Promise((resolve) => setImmediate(resolve))
  return system.exits
}

test('the SIGHUP that the kernel sends at the end of a predecessor acts on nothing, once', async () => {
  const { system, lifecycle } = await serving({ signals: { SIGHUP: 'shutdown' } })
  system.endsSession = true
  system.deliver('SIGHUP')
  expect(lifecycle.state).toBe('serving')
  expect(system.errors.join()).toContain("it led the terminal's session: that is no restart")
  system.deliver('SIGHUP')
  expect(lifecycle.state).not.toBe('serving')
})

describe('a function for a signal', () => {
  test('is called with it, between the hooks, and the process serves on', async () => {
    const calls: unknown[] = []
    const note = (name: string) => (signal: NodeJS.Signals) => calls.push([name, signal])
    const { system, lifecycle } = await serving({
      signals: {
        SIGUSR1: note('act'),
        SIGQUIT: { before: note('before'), action: note('act'), after: note('after') },
        SIGURG: { before: note('alone') },
      },
    })
    for (const signal of ['SIGUSR1', 'SIGQUIT', 'SIGURG'] as const) system.deliver(signal)
    expect(calls).toEqual([
      ['act', 'SIGUSR1'],
      ['before', 'SIGQUIT'],
      ['act', 'SIGQUIT'],
      ['after', 'SIGQUIT'],
      ['alone', 'SIGURG'],
    ])
    expect([lifecycle.state, system.exits]).toEqual(['serving', []])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('no log')
      },
      'no log',
    ],
    ['rejects', () => Promise.reject(new Error('no log')), 'no log'],
    ['rejects with nothing', () => Promise.reject(undefined), 'undefined'],
  ])('that %s is reported, and what it is a hook of happens all the same', async (_how, fail, said) => {
    const { system, lifecycle } = await serving({ signals: { SIGTERM: { before: fail, after: fail } } })
    const warnings: unknown[] = []
    lifecycle.events.on('warning', ({ error }) => warnings.push(error))
    system.deliver('SIGTERM')
    expect(await exited(system)).toEqual([0])
    const failed = {
      code: 'ERR_ZERODROP_SIGNAL_FUNCTION_FAILED',
      message: `What the application does at SIGTERM failed, and the process went on: ${said}`,
    }
    expect(warnings).toEqual([expect.objectContaining(failed), expect.objectContaining(failed)])
  })

  test('the hooks of an action come before it begins and when it has begun', async () => {
    const states: string[] = []
    const note = () => states.push(lifecycle.state)
    const { system, lifecycle } = await serving({ signals: { SIGTERM: { before: note, after: note } } })
    system.deliver('SIGTERM')
    expect(states).toEqual(['serving', 'draining'])
    await exited(system)
  })
})

describe("'force'", () => {
  const signals = { SIGQUIT: 'force' } as const

  test('cuts everything of a process that serves', async () => {
    const { system, hold } = await serving({ signals, drainDelay: 9000 })
    await hold()
    system.deliver('SIGQUIT')
    // What can be ended correctly is given a moment.
    while (system.timers === 0) await new Promise((resolve) => setImmediate(resolve))
    const advancing = setInterval(() => system.advance(250), 5)
    undo.push(() => clearInterval(advancing))
    expect(await exited(system)).toEqual([131])
    expect(system.errors.join()).toContain('cut by a signal: GET /held')
  })

  test('cuts what a drain has left', async () => {
    const { system, hold } = await serving({ signals })
    await hold()
    system.deliver('SIGTERM')
    system.deliver('SIGQUIT')
    const advancing = setInterval(() => system.advance(250), 5)
    undo.push(() => clearInterval(advancing))
    expect(await exited(system)).toEqual([131])
  })
})

describe('a signal that Node writes a report at', () => {
  test('is not handled, unless the application names it', async () => {
    const { system } = await serving({}, { nodeSignals: ['SIGUSR2'] })
    expect(system.signals).toEqual(expect.arrayContaining(['SIGHUP', 'SIGTERM']))
    expect(system.signals).not.toContain('SIGUSR2')
    const named = await serving({ signals: { SIGUSR2: 'status' } }, { nodeSignals: ['SIGUSR2'] })
    expect(named.system.signals).toContain('SIGUSR2')
  })

  test('is not handled any more if the program gives it away later', async () => {
    const { system, lifecycle } = await serving()
    system.nodeSignals = ['SIGUSR2']
    system.deliver('SIGUSR2')
    expect([lifecycle.state, system.signals.includes('SIGUSR2')]).toEqual(['serving', false])
  })
})

describe('a second signal to stop', () => {
  test('is ignored where the preset says so', async () => {
    const { system, hold } = await serving({ signals: 'endless' })
    await hold()
    system.deliver('SIGTERM')
    await forceable(system)
    system.deliver('SIGTERM')
    system.deliver('SIGINT')
    expect(system.exits).toEqual([])
    expect(system.signals).toContain('SIGTERM')
  })

  test('takes the default action where the preset says so: nothing of ours is left on it', async () => {
    const { system, lifecycle, hold } = await serving({ signals: 'grace' })
    await hold()
    expect(system.signals).toEqual(['SIGINT', 'SIGTERM', 'SIGUSR2'])
    system.deliver('SIGTERM')
    system.deliver('SIGTERM')
    expect(system.signals).toEqual(['SIGINT', 'SIGTERM', 'SIGUSR2'])
    await forceable(system)
    expect([system.signals, lifecycle.state]).toEqual([[], 'draining'])
  })

  test.each<[first: NodeJS.Signals, second: NodeJS.Signals]>([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGINT'],
  ])('%s, then %s within half a second is the same request, and is told once', async (first, second) => {
    const { system, lifecycle, hold } = await serving()
    const merged: unknown[] = []
    lifecycle.events.on('signal:merged', (payload) => merged.push(payload))
    await hold()
    system.deliver(first)
    system.deliver(second)
    await forceable(system, 499)
    system.deliver(second)
    system.deliver(second)
    expect([lifecycle.state, system.exits]).toEqual(['draining', []])
    expect(merged).toEqual([{ signal: second, first, own: false }])
    expect(system.errors.filter((line) => line.includes('the same request'))).toHaveLength(1)
  })

  test('forces after half a second, also if it waits in the turn in which that is over', async () => {
    const { system, lifecycle, hold } = await serving()
    await hold()
    system.deliver('SIGTERM')
    system.advance(500)
    system.deliver('SIGTERM')
    expect([lifecycle.state, system.exits]).toEqual(['draining', []])
    await forceable(system, 0)
    system.deliver('SIGTERM')
    const advancing = setInterval(() => system.advance(250), 5)
    undo.push(() => clearInterval(advancing))
    expect(await exited(system)).toEqual([143])
  })

  test('does not force if this process has sent it to itself', async () => {
    const { system, lifecycle, hold } = await serving()
    await hold()
    system.deliver('SIGTERM')
    await forceable(system)
    system.killItself('SIGTERM')
    system.killItself('SIGINT')
    expect([lifecycle.state, system.exits]).toEqual(['draining', []])
    expect(system.errors.filter((line) => line.includes('sent by this process to itself'))).toHaveLength(1)
    system.deliver('SIGINT')
    const advancing = setInterval(() => system.advance(250), 5)
    undo.push(() => clearInterval(advancing))
    expect(await exited(system)).toEqual([130])
  })

  test("endless's hammer does nothing while the process serves", async () => {
    const { system, lifecycle } = await serving({ signals: 'endless' })
    for (const signal of ['SIGUSR2', 'SIGUSR1', 'SIGTSTP'] as const) system.deliver(signal)
    expect([lifecycle.state, system.exits]).toEqual(['serving', []])
  })
})

describe('SIGHUP', () => {
  test('of a terminal that was closed stops at once, and a second one is nothing new', async () => {
    const { system, lifecycle } = await serving({ lingerTimeout: 20_000, drainDelay: 20_000 })
    system.hungUp = true
    system.deliver('SIGHUP')
    system.deliver('SIGHUP')
    expect([lifecycle.state, system.spawned]).toEqual(['draining', []])
    expect(await exited(system)).toEqual([0])
  })

  test('of anybody else restarts', async () => {
    const { system, lifecycle } = await serving()
    system.deliver('SIGHUP')
    expect([lifecycle.state, system.spawned.length]).toEqual(['restarting', 1])
    await lifecycle.shutdown()
  })

  test('of a console on Windows stops', async () => {
    const { system, lifecycle } = await serving({}, { incapacity: 'platform' })
    system.deliver('SIGHUP')
    expect(lifecycle.state).toBe('draining')
    await exited(system)
  })
})

test('a watcher of files does not wait for clients that may come back', async () => {
  const { system } = await serving({ drainDelay: 20_000 }, { watched: true })
  system.deliver('SIGTERM')
  expect(await exited(system)).toEqual([0])
})

test('what would restart stops under nodemon, which sends it twice', async () => {
  const { system } = await serving({ drainDelay: 20_000 }, { watched: true, incapacity: 'nodemon' })
  system.deliver('SIGUSR2')
  system.deliver('SIGUSR2')
  expect(await exited(system)).toEqual([0])
  expect(system.errors.join()).not.toContain('second signal')
})

describe('a supervisor with a channel', () => {
  test('is told once that the process serves, and can stop it', async () => {
    let shutDown = () => {}
    let ready = 0
    const released = jest.fn()
    const supervisor = {
      ready: () => ready++,
      onShutdown: (listener: () => void) => {
        shutDown = listener
        return released
      },
    }
    const { system, lifecycle } = await serving({}, { supervisor })
    while (ready === 0) await new Promise((resolve) => setImmediate(resolve))
    shutDown()
    expect(lifecycle.state).toBe('draining')
    expect(await exited(system)).toEqual([0])
    // Heard to the end, as signals are: the process is gone with it.
    expect([ready, released.mock.calls.length]).toEqual([1, 0])
  })
})

describe('somebody who ends the process', () => {
  test('in the middle of a drain is named, with what was cut, and 0 becomes 1', async () => {
    const { system, lifecycle, hold } = await serving()
    const warnings: unknown[] = []
    lifecycle.events.on('warning', ({ error }) => warnings.push(error))
    await hold()
    expect(system.exitListeners).toBe(0)
    system.deliver('SIGTERM')
    expect(system.exitListeners).toBe(1)
    expect(system.end(0, '/srv/tracing.js:3:5')).toBe(1)
    expect(warnings).toEqual([
      expect.objectContaining({
        code: 'ERR_ZERODROP_DRAIN_INTERRUPTED',
        message:
          'process.exit() was called at /srv/tracing.js:3:5 in the middle of a drain, with 1 connection open and something ' +
          'under way on 1. The exit status is 1, not 0. Whatever ends the process at a signal has to leave that to zerodrop, ' +
          'or to wait for lifecycle.shutdown().',
      }),
    ])
    expect(system.errors.join('\n')).toMatch(/cut by that: GET \/held from /)
  })

  test('keeps a status of his own, and 0 if nothing is cut', async () => {
    const { system } = await serving()
    system.deliver('SIGTERM')
    expect([system.end(0), system.end(7)]).toEqual([0, 7])
    expect(system.errors.join('\n')).toContain(
      'The process ended in the middle of a drain, with 0 connections open',
    )
    await exited(system)
  })

  test('before a drain and after it is none of our business', async () => {
    const { system, lifecycle } = await serving()
    expect(system.exitListeners).toBe(0)
    await lifecycle.shutdown()
    expect([lifecycle.state, system.exitListeners]).toEqual(['closed', 0])
  })

  test('a third signal is zerodrop’s own doing', async () => {
    const { system, hold } = await serving()
    await hold()
    system.deliver('SIGINT')
    await forceable(system)
    system.deliver('SIGINT')
    system.deliver('SIGINT')
    expect(system.exits).toEqual([130])
    expect(system.end(130)).toBe(130)
    const told = system.errors.join('\n')
    expect(told).toContain('ended by another SIGINT, with 1 connection open')
    expect(told).not.toContain('ERR_ZERODROP_DRAIN_INTERRUPTED')
  })
})
