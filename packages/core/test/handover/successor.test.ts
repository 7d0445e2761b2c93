import { message } from '../../src/handover/protocol.ts'
import { protocolVersion } from '../../src/system/boot.ts'
import type { Successor } from '../../src/handover/successor.ts'
import { waitUntilReady, spawnSuccessor } from '../../src/handover/successor-start.ts'
import { readInheritance, type Inheritance } from '../../src/listeners/inheritance.ts'
import { FakeSystem } from '../fake-system.ts'

const address = (port: number) => ({ requested: `tcp://*:${port}`, bound: `tcp://[::]:${port}` })
const inheritance: Inheritance = {
  version: protocolVersion,
  generation: 7,
  pid: 4242,
  listeners: [
    { fd: 21, ...address(3000) },
    { fd: 18, ...address(9090) },
  ],
}

let system: FakeSystem
let stop: AbortController
beforeEach(() => {
  system = new FakeSystem()
  stop = new AbortController()
})
afterEach(() => {
  if (system.timers > 0) throw new Error('a timer was left running')
})

const spawned = () => spawnSuccessor(system, inheritance, {})
const watch = (successor: Successor, readyTimeout = 60_000, manualReady = false) =>
  waitUntilReady(system, successor, {
    readyTimeout,
    manualReady,
    begun: system.now(),
    abort: stop.signal,
    ticketKeys: () => [],
  })
/** Resolves when the wait has begun. */
const start = async (readyTimeout?: number) => {
  const successor = await spawned()
  const ready = watch(successor, readyTimeout)
  ready.catch(() => {})
  return { successor, ready }
}
const failure = (code: string, text: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(text) })

test('is given the descriptors, and told which is which by their numbers there', async () => {
  const { successor, ready } = await start()
  const { descriptors, environment } = system.spawned[0] ?? {}
  expect(descriptors).toEqual([21, 18])
  expect(Object.keys(environment ?? {})).toEqual(['ZERODROP_INHERIT'])
  expect(JSON.parse(environment?.['ZERODROP_INHERIT'] ?? '')).toEqual({
    version: protocolVersion,
    generation: 7,
    pid: 4242,
    listeners: [
      { fd: 3, ...address(3000) },
      { fd: 4, ...address(9090) },
    ],
    channel: 5,
  })
  system.child.says(message({ type: 'ready' }))
  await ready
  expect(successor).toMatchObject({ pid: 5151, generation: 7 })
  expect(system.child.kills).toEqual([])
})

test('what it is told can be read, if only the descriptors are there', async () => {
  await spawned()
  const variable = system.spawned[0]?.environment['ZERODROP_INHERIT'] ?? ''
  // In this process 3 and 4 are not what they are there: that it got as far as looking at them is what counts.
  expect(() => readInheritance(variable.replace('"fd":3', '"fd":1000000'))).toThrow(
    expect.objectContaining({ code: 'ERR_ZERODROP_INHERIT_MISMATCH' }),
  )
})

test.each([
  [1, null, /^The successor \(generation 7, pid 5151\) exited with code 1 before it was ready/],
  [0, null, /exited with code 0 before it was ready/],
  [null, 'SIGSEGV' as const, /was ended by SIGSEGV before it was ready/],
])('ends before it is ready: code %p, signal %p', async (code, signal, text) => {
  const { ready } = await start()
  system.child.exits(code, signal)
  await expect(ready).rejects.toEqual(failure('ERR_ZERODROP_SUCCESSOR_EXITED', text))
  await expect(ready).rejects.toThrow('This process goes on serving.')
})

test('cannot be started: spawn throws', async () => {
  const cause = (system.spawnError = new Error('spawn E2BIG'))
  const failed = spawned()
  await expect(failed).rejects.toEqual(
    failure(
      'ERR_ZERODROP_SPAWN_FAILED',
      /could not be started: spawn E2BIG\. Check that \/usr\/bin\/node and the/,
    ),
  )
  await expect(failed).rejects.toMatchObject({ cause })
})

test('cannot be started: the permission model allows no child process', async () => {
  const text = 'Access to this API has been restricted. Use --allow-child-process to manage permissions.'
  system.spawnError = Object.assign(new Error(text), { code: 'ERR_ACCESS_DENIED' })
  const error: unknown = await spawned().catch((reason: unknown) => reason)
  expect(error).toEqual(
    failure(
      'ERR_ZERODROP_SPAWN_FAILED',
      /manage permissions\. A restart .* --allow-child-process .* goes on serving\.$/,
    ),
  )
  expect((error as Error).message).not.toMatch(/directory/)
})

test('cannot be started: the child says so later', async () => {
  system.spawnsNothing = true
  const failed = spawned()
  const cause = new Error('spawn /usr/bin/node ENOENT')
  system.child.emit('error', cause)
  const error: unknown = await failed.catch((reason: unknown) => reason)
  expect(error).toEqual(failure('ERR_ZERODROP_SPAWN_FAILED', /ENOENT\. Check .* directory \/srv exist/))
  expect(error).toMatchObject({ cause })
})

test('fails if it is not ready in time', async () => {
  const { ready } = await start(1500)
  const settled = jest.fn()
  ready.catch(settled)
  system.advance(1499)
  await Promise.resolve()
  expect(settled).not.toHaveBeenCalled()
  system.advance(1)
  await expect(ready).rejects.toEqual(
    failure(
      'ERR_ZERODROP_READY_TIMEOUT',
      /was not ready within 1500 ms and was killed\. Raise "readyTimeout"/,
    ),
  )
})

test('where the application says that it is ready, the failure says so', async () => {
  const late = watch(await spawned(), 10, true)
  system.advance(10)
  await expect(late).rejects.toThrow('the new version has to call lifecycle.ready(). This process goes on')
})

test('may take forever where readyTimeout is Infinity', async () => {
  const { ready } = await start(Infinity)
  system.advance(1e9)
  system.child.says(message({ type: 'ready' }))
  await expect(ready).resolves.toBeUndefined()
})

test.each(['before', 'while'])('fails if a shutdown comes %s it starts', async (when) => {
  if (when === 'before') stop.abort()
  const { ready } = await start()
  stop.abort()
  await expect(ready).rejects.toEqual(failure('ERR_ZERODROP_RESTART_ABORTED', /a shutdown came first\.$/))
})

test('only our own word for ready counts', async () => {
  const { ready } = await start(10)
  for (const body of [
    'ready',
    { type: 'ready' },
    null,
    undefined,
    1,
    [],
    { zerodrop: '2', type: 'ready' },
    { zerodrop: protocolVersion },
  ])
    system.child.says(body)
  system.advance(10)
  await expect(ready).rejects.toMatchObject({ code: 'ERR_ZERODROP_READY_TIMEOUT' })
})

test.each([protocolVersion - 1, protocolVersion + 1])(
  'one that speaks version %p fails at once',
  async (zerodrop) => {
    const { ready } = await start(10)
    system.child.says({ zerodrop, type: 'started' })
    await expect(ready).rejects.toEqual(
      failure(
        'ERR_ZERODROP_PROTOCOL_MISMATCH',
        new RegExp(
          `^The successor \\(generation 7, pid 5151\\) speaks version ${zerodrop} of .* goes on serving\\.$`,
        ),
      ),
    )
  },
)

test('a message in a wrong form is reported, and nothing else', async () => {
  const successor = await spawned()
  const errors: unknown[] = []
  const release = successor.onUnreadable((error) => errors.push(error))
  const wrong = { zerodrop: protocolVersion, type: 'taken' }
  for (const value of [message({ type: 'ready' }), 'x', null, { type: 'taken' }, wrong])
    system.child.says(value)
  release()
  system.child.says(wrong)
  expect(errors).toEqual([
    failure('ERR_ZERODROP_PROTOCOL_MISMATCH', /sent a message of type "taken" in a form/),
  ])
})

test('what a child does after it failed, or was ready, disturbs nobody', async () => {
  const { successor, ready } = await start()
  system.child.says(message({ type: 'ready' }))
  await ready
  const gone = jest.fn()
  const died = jest.fn()
  successor.onGone(gone)
  successor.onDeath(died)
  system.child.emit('error', new Error('kill EPERM'))
  system.child.exits(1)
  expect([gone, died].map(({ mock }) => mock.calls.length)).toEqual([1, 1])
  await expect(successor.sendRestart()).rejects.toThrow('channel closed')
})

test('a successor that was told to stop has not died, and its spare sockets are let go', async () => {
  const close = jest.fn()
  const { successor } = await start()
  system.child.emit('message', message({ type: 'spare', listener: 'tcp://*:1' }), { fd: 7, close })
  system.child.emit('message', message({ type: 'spare', listener: 'tcp://*:2' }), { fd: 8, close })
  system.child.says(message({ type: 'ready' }))
  const died = jest.fn()
  successor.onDeath(died)
  expect(successor.takeSpare('tcp://*:1')).toBe(7)
  expect(successor.takeSpare('tcp://*:1')).toBeUndefined()
  system.child.says(message({ type: 'stopping' }))
  expect(close).toHaveBeenCalledTimes(1)
  system.child.exits(0)
  expect(died).not.toHaveBeenCalled()
})

describe('dismissed', () => {
  test('its spare sockets are let go', async () => {
    const close = jest.fn()
    const successor = await spawned()
    system.child.emit('message', message({ type: 'spare', listener: 'tcp://*:1' }), { fd: 7, close })
    system.child.exits(1)
    await successor.dismiss(system)
    expect(close).toHaveBeenCalledTimes(1)
    expect(system.child.kills).toEqual([])
  })

  test.each([[], ['started']] as const)(
    'before it is ready it is killed: it has no clients',
    async (...said) => {
      const successor = await spawned()
      for (const type of said) system.child.says(message({ type }))
      const dismissed = successor.dismiss(system)
      expect(system.child.kills).toEqual(['SIGKILL'])
      system.child.exits(null, 'SIGKILL')
      await dismissed
      await successor.ended(system, 1000)
    },
  )

  test.each([
    ['is ready', 'ready'],
    ['could not be held back from accepting', 'accepts'],
  ] as const)('when it %s it is asked to stop, once, and may finish what it has', async (_when, type) => {
    const successor = await spawned()
    system.child.says(message({ type }))
    const dismissed = successor.dismiss(system)
    void successor.dismiss(system)
    expect(system.child.sent).toEqual([message({ type: 'stop' })])
    system.advance(4999)
    system.child.says(message({ type: 'stopping' }))
    await dismissed
    system.advance(60_000)
    expect([system.child.kills, system.exitListeners]).toEqual([[], 0])
  })

  test('it stops already, and is not told again', async () => {
    const successor = await spawned()
    system.child.says(message({ type: 'started' }))
    system.child.says(message({ type: 'stopping' }))
    await successor.dismiss(system)
    expect([system.child.kills, system.child.sent]).toEqual([[], []])
  })

  test('it is killed where it does not answer', async () => {
    const successor = await spawned()
    system.child.says(message({ type: 'ready' }))
    const dismissed = successor.dismiss(system)
    system.advance(5000)
    expect(system.child.kills).toEqual(['SIGKILL'])
    system.child.exits(null, 'SIGKILL')
    await dismissed
    expect(system.exitListeners).toBe(0)
  })

  test('it is killed where this process ends before it has answered', async () => {
    const successor = await spawned()
    system.child.says(message({ type: 'ready' }))
    const dismissed = successor.dismiss(system)
    expect(system.end(3)).toBe(3)
    expect(system.child.kills).toEqual(['SIGKILL'])
    system.child.exits(null, 'SIGKILL')
    await dismissed
  })

  test('it is killed where it does not come to its end', async () => {
    const successor = await spawned()
    system.child.says(message({ type: 'started' }))
    system.child.says(message({ type: 'stopping' }))
    await successor.dismiss(system)
    const ended = successor.ended(system, 1000)
    system.advance(60_999)
    expect(system.child.kills).toEqual([])
    system.advance(1)
    expect(system.child.kills).toEqual(['SIGKILL'])
    system.child.exits(null, 'SIGKILL')
    await ended
  })
})

describe('a handle behind messages without one', () => {
  const offer = { listener: 'tcp://*:1', used: true, requests: 0 }
  const connection = message({ type: 'connection', id: 1, ...offer })
  const sendLate = (successor: Successor, bytes: number) => successor.sendLate(1, 'x'.repeat(bytes))
  const sendConnection = (successor: Successor) => successor.sendConnection(1, offer, {})
  const turn = () => new Promise((resolve) => setImmediate(resolve))

  test('follows at once where they are short', async () => {
    const successor = await spawned()
    const { child } = system.spawned[0]!
    for (let each = 0; each < 5; each++) await sendLate(successor, 100)
    void sendConnection(successor).catch(() => {})
    expect(child.sent.at(-1)).toEqual(connection)
    child.exits(1)
  })

  test('waits until the successor has read them where they are long', async () => {
    const successor = await spawned()
    const { child } = system.spawned[0]!
    await sendLate(successor, 60_000)
    const sending = [sendConnection(successor), sendConnection(successor)]
    for (const each of sending) each.catch(() => {})
    expect(child.sent.at(-1)).toEqual(message({ type: 'catch-up' }))
    await turn()
    expect(child.sent.filter((each) => (each as { type: string }).type === 'connection')).toHaveLength(0)
    child.says(message({ type: 'caught-up' }))
    await turn()
    expect(child.sent.slice(-2)).toEqual([connection, connection])
    expect(child.sent).toHaveLength(4)
    child.exits(1)
    await Promise.allSettled(sending)
  })

  test('waits again for what was sent meanwhile', async () => {
    const successor = await spawned()
    const { child } = system.spawned[0]!
    await sendLate(successor, 60_000)
    sendConnection(successor).catch(() => {})
    await sendLate(successor, 60_000)
    child.says(message({ type: 'caught-up' }))
    await turn()
    expect(child.sent.at(-1)).toEqual(message({ type: 'catch-up' }))
    child.says(message({ type: 'caught-up' }))
    await turn()
    expect(child.sent.at(-1)).toEqual(connection)
    child.exits(1)
  })

  test('fails if the successor goes meanwhile', async () => {
    const successor = await spawned()
    const { child } = system.spawned[0]!
    await sendLate(successor, 60_000)
    const sending = sendConnection(successor)
    child.exits(1)
    await expect(sending).rejects.toThrow('channel')
  })
})
