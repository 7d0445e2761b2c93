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
import { undoAfterEach } from '../undo-after-each.ts'
import { turn } from '../turns.ts'

const undo = undoAfterEach()

/** A serving process, optionally with one in-flight request that is never answered. */
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

/** Advances the clock until another stop signal counts as a second request. */
const forceable = async (system: FakeSystem, milliseconds = 500): Promise<void> => {
  system.advance(milliseconds)
  await turn()
}

const exited = async (system: FakeSystem): Promise<number[]> => {
  while (system.exits.length === 0) await turn()
  return system.exits
}

test('the SIGHUP that the kernel sends at the end of a predecessor is ignored once', async () => {
  const { system, lifecycle } = await serving({ signals: { SIGHUP: 'shutdown' } })
  system.endsSession = true
  system.deliver('SIGHUP')
  expect(lifecycle.state).toBe('serving')
  expect(system.errors.join()).toContain("it led the terminal's session: that is no restart")
  system.deliver('SIGHUP')
  expect(lifecycle.state).not.toBe('serving')
})

describe('a function for a signal', () => {
  test('is called with the signal, between the hooks, and the process keeps serving', async () => {
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
  ])('that %s is reported, and the action of its hook still happens', async (_how, fail, said) => {
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

  test('the hooks of an action run before it begins and once it has begun', async () => {
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

  test('cuts everything in a serving process', async () => {
    const { system, hold } = await serving({ signals, drainDelay: 9000 })
    await hold()
    system.deliver('SIGQUIT')
    // Responses that can end correctly get a moment to do so.
    while (system.timers === 0) await turn()
    const advancing = setInterval(() => system.advance(250), 5)
    undo.push(() => clearInterval(advancing))
    expect(await exited(system)).toEqual([131])
    expect(system.errors.join()).toContain('cut by a signal: GET /held')
  })

  test('cuts the remaining work of a drain', async () => {
    const { system, hold } = await serving({ signals })
    await hold()
    system.deliver('SIGTERM')
    system.deliver('SIGQUIT')
    const advancing = setInterval(() => system.advance(250), 5)
    undo.push(() => clearInterval(advancing))
    expect(await exited(system)).toEqual([131])
  })
})

describe('a signal for which Node writes a report', () => {
  test('is not handled, unless the application names it', async () => {
    const { system } = await serving({}, { nodeSignals: ['SIGUSR2'] })
    expect(system.signals).toEqual(expect.arrayContaining(['SIGHUP', 'SIGTERM']))
    expect(system.signals).not.toContain('SIGUSR2')
    const named = await serving({ signals: { SIGUSR2: 'status' } }, { nodeSignals: ['SIGUSR2'] })
    expect(named.system.signals).toContain('SIGUSR2')
  })

  test('is no longer handled if the program assigns it later', async () => {
    const { system, lifecycle } = await serving()
    system.nodeSignals = ['SIGUSR2']
    system.deliver('SIGUSR2')
    expect([lifecycle.state, system.signals.includes('SIGUSR2')]).toEqual(['serving', false])
  })
})

describe('a second signal to stop', () => {
  test('is ignored if the preset says so', async () => {
    const { system, hold } = await serving({ signals: 'endless' })
    await hold()
    system.deliver('SIGTERM')
    await forceable(system)
    system.deliver('SIGTERM')
    system.deliver('SIGINT')
    expect(system.exits).toEqual([])
    expect(system.signals).toContain('SIGTERM')
  })

  test('takes the default action if the preset says so, without a handler of zerodrop', async () => {
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
  ])('%s, then %s within half a second is one request, reported once', async (first, second) => {
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

  test('forces after half a second, even if it is pending when that time ends', async () => {
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

  test('does not force if this process sent it to itself', async () => {
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
  test('from a closed terminal stops at once, and a second one has no effect', async () => {
    const { system, lifecycle } = await serving({ lingerTimeout: 20_000, drainDelay: 20_000 })
    system.hungUp = true
    system.deliver('SIGHUP')
    system.deliver('SIGHUP')
    expect([lifecycle.state, system.spawned]).toEqual(['draining', []])
    expect(await exited(system)).toEqual([0])
  })

  test('from any other sender restarts', async () => {
    const { system, lifecycle } = await serving()
    system.deliver('SIGHUP')
    expect([lifecycle.state, system.spawned.length]).toEqual(['restarting', 1])
    await lifecycle.shutdown()
  })

  test('from a console on Windows stops', async () => {
    const { system, lifecycle } = await serving({}, { incapacity: 'platform' })
    system.deliver('SIGHUP')
    expect(lifecycle.state).toBe('draining')
    await exited(system)
  })
})

test('a stop under a file watcher does not wait for clients that may come back', async () => {
  const { system } = await serving({ drainDelay: 20_000 }, { watched: true })
  system.deliver('SIGTERM')
  expect(await exited(system)).toEqual([0])
})

test('a restart signal from nodemon, which sends it twice, stops the process', async () => {
  const { system } = await serving({ drainDelay: 20_000 }, { watched: true, incapacity: 'nodemon' })
  system.deliver('SIGUSR2')
  system.deliver('SIGUSR2')
  expect(await exited(system)).toEqual([0])
  expect(system.errors.join()).not.toContain('second signal')
})

describe('a supervisor with a channel', () => {
  test('is notified once that the process serves, and can stop it', async () => {
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
    while (ready === 0) await turn()
    shutDown()
    expect(lifecycle.state).toBe('draining')
    expect(await exited(system)).toEqual([0])
    // No release: the process keeps listening until it exits, as it does for signals.
    expect([ready, released.mock.calls.length]).toEqual([1, 0])
  })
})

describe('other code that ends the process', () => {
  test('during a drain is named in a report of the cut requests, and status 0 becomes 1', async () => {
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

  test('keeps its own status, and 0 if nothing is cut', async () => {
    const { system } = await serving()
    system.deliver('SIGTERM')
    expect([system.end(0), system.end(7)]).toEqual([0, 7])
    expect(system.errors.join('\n')).toContain(
      'The process ended in the middle of a drain, with 0 connections open',
    )
    await exited(system)
  })

  test('is not reported before or after a drain', async () => {
    const { system, lifecycle } = await serving()
    expect(system.exitListeners).toBe(0)
    await lifecycle.shutdown()
    expect([lifecycle.state, system.exitListeners]).toEqual(['closed', 0])
  })

  test('is not reported if a third signal ends the process', async () => {
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
