import { message } from '../../src/handover/protocol.ts'
import { spawnSuccessor, waitUntilReady } from '../../src/handover/successor-start.ts'
import { type Inheritance, readInheritance } from '../../src/listeners/inheritance.ts'
import { protocolVersion } from '../../src/system/boot.ts'
import {
  address,
  failure,
  inheritance,
  options,
  spawned,
  start,
  stop,
  system,
  watch,
} from './fake-successor.ts'
import { turn, turns } from '../turns.ts'

test('a successor inherits the descriptors and learns their numbers in the child', async () => {
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

test('a successor can read its orders if the descriptors are open', async () => {
  await spawned()
  const variable = system.spawned[0]?.environment['ZERODROP_INHERIT'] ?? ''
  // Descriptors 3 and 4 differ in this process: reaching the check of the descriptors is enough.
  expect(() => readInheritance(variable.replace('"fd":3', '"fd":1000000'))).toThrow(
    expect.objectContaining({ code: 'ERR_ZERODROP_INHERIT_MISMATCH' }),
  )
})

test.each([
  [1, null, /^The successor \(generation 7, pid 5151\) exited with code 1 before it was ready/],
  [0, null, /exited with code 0 before it was ready/],
  [null, 'SIGSEGV' as const, /was ended by SIGSEGV before it was ready/],
])('the restart fails if the successor ends first: code %p, signal %p', async (code, signal, text) => {
  const { ready } = await start()
  system.child.exits(code, signal)
  await expect(ready).rejects.toEqual(failure('ERR_ZERODROP_SUCCESSOR_EXITED', text))
  await expect(ready).rejects.toThrow('This process goes on serving.')
})

test('the restart fails if spawn() throws', async () => {
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

test('no successor is started if its sockets would take the last descriptors', async () => {
  system.descriptors = { free: 9, limit: 120 }
  await expect(spawned()).rejects.toEqual(
    failure('ERR_ZERODROP_SPAWN_FAILED', /EMFILE.* needs 10 more .* 9 of its 120 are free.* goes on serving/),
  )
  expect(system.spawned).toEqual([])
})

test('the restart fails if the keeper has no descriptor left', async () => {
  system.spawnError = new Error('spawn /usr/bin/node EMFILE')
  await expect(spawned()).rejects.toEqual(
    failure('ERR_ZERODROP_SPAWN_FAILED', /node EMFILE\. Raise the limit .* goes on serving\.$/),
  )
})

test('a successor is abandoned if clients have taken its descriptors since the start', async () => {
  system.descriptors = { free: 10, limit: 120 }
  const { ready } = await start()
  system.descriptors = { free: 7, limit: 120 }
  system.child.says(message({ type: 'spare', listener: 'tcp://[::]:3000' }))
  await expect(ready).rejects.toEqual(failure('ERR_ZERODROP_SPAWN_FAILED', /EMFILE.*goes on serving/))
})

test('the restart fails if the permission model allows no child process', async () => {
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

test('the restart fails if the child process emits an error later', async () => {
  system.spawnsNothing = true
  const failed = spawned()
  const cause = new Error('spawn /usr/bin/node ENOENT')
  system.child.emit('error', cause)
  const error: unknown = await failed.catch((reason: unknown) => reason)
  expect(error).toEqual(failure('ERR_ZERODROP_SPAWN_FAILED', /ENOENT\. Check .* directory \/srv exist/))
  expect(error).toMatchObject({ cause })
})

test('the restart fails if the successor is not ready in time', async () => {
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

test('with manualReady, the error says that the application reports ready itself', async () => {
  const late = watch(await spawned(), 10, true)
  system.advance(10)
  await expect(late).rejects.toThrow('the new version has to call lifecycle.ready(). This process goes on')
})

test('a start may take forever if readyTimeout is Infinity', async () => {
  const { ready } = await start(Infinity)
  system.advance(1e9)
  await turns(5)
  system.child.says(message({ type: 'ready' }))
  await expect(ready).resolves.toBeUndefined()
})

test.each(['before', 'while'])('the restart fails if a shutdown comes %s it starts', async (when) => {
  if (when === 'before') stop.abort()
  const { ready } = await start()
  stop.abort()
  await expect(ready).rejects.toEqual(failure('ERR_ZERODROP_RESTART_ABORTED', /a shutdown came first\.$/))
})

test('only a ready message from zerodrop counts', async () => {
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
  'a successor with protocol version %p fails at once',
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

test('an error quotes the output of the successor and its last check result', async () => {
  const { ready } = await start(1500)
  system.child.says(message({ type: 'stderr', text: 'no database\n' }))
  system.child.says(message({ type: 'not-ready', reason: 'GET /health answered 503' }))
  system.advance(1500)
  await expect(ready).rejects.toMatchObject({
    code: 'ERR_ZERODROP_READY_TIMEOUT',
    message: expect.stringContaining('What it last found when it asked itself: GET /health answered 503. '),
    stderr: 'no database',
  })
})

test('the time that spawning takes counts towards readyTimeout', async () => {
  const successor = await spawned()
  const begun = system.now()
  system.advance(400)
  const ready = waitUntilReady(system, successor, { ...options(1000), begun })
  const settled = jest.fn()
  ready.catch(settled)
  system.advance(599)
  await turn()
  expect(settled).not.toHaveBeenCalled()
  system.advance(1)
  await expect(ready).rejects.toMatchObject({ code: 'ERR_ZERODROP_READY_TIMEOUT' })
})

test('a successor that became ready while this process was blocked is ready', async () => {
  const { ready } = await start(1500)
  system.advance(1500)
  system.child.says(message({ type: 'ready' }))
  await expect(ready).resolves.toBeUndefined()
  await turn()
})

test('messages that a successor sent before its end are read first, for at most one second', async () => {
  const successor = await spawned()
  const ready = watch(successor)
  const settled = jest.fn()
  ready.catch(settled)
  // Its channel stays open because a child process holds it.
  system.child.exitCode = 3
  system.child.emit('exit', 3, null)
  await turn()
  system.advance(999)
  await turn()
  expect(settled).not.toHaveBeenCalled()
  system.advance(1)
  await expect(ready).rejects.toMatchObject({ code: 'ERR_ZERODROP_SUCCESSOR_EXITED' })
})

test('a successor gets the ticket keys once it can receive them', async () => {
  const keys = { listener: 'tcp://*:1', keys: 'x', sessionIdContext: undefined, policy: '' }
  const successor = await spawned()
  const ready = waitUntilReady(system, successor, { ...options(1000), ticketKeys: () => [keys] })
  expect(system.child.sent).toEqual([])
  system.child.says(message({ type: 'started' }))
  expect(system.child.sent).toEqual([message({ type: 'ticket-keys', servers: [keys] })])
  system.child.says(message({ type: 'ready' }))
  await ready
})

test('a newer restart abandons the successor', async () => {
  const { ready } = await start()
  stop.abort('newer')
  await expect(ready).rejects.toMatchObject({ code: 'ERR_ZERODROP_RESTART_SUPERSEDED' })
})

describe('sockets opened by a service manager', () => {
  const listeners = [
    { fd: 21, ...address(3000) },
    { fd: 4, ...address(4000) },
    { fd: 3, ...address(5000) },
  ]
  const start = async (count: number): Promise<Inheritance> => {
    system.activation = { count, pid: true }
    await spawnSuccessor(system, { ...inheritance, listeners }, { OWN: 'yes' })
    return JSON.parse(system.spawned[0]?.environment['ZERODROP_INHERIT'] ?? '') as Inheritance
  }

  test('keep their numbers, and the others follow', async () => {
    const { listeners: told, activated, channel } = await start(2)
    expect(system.spawned[0]).toMatchObject({ descriptors: [3, 4, 21], environment: { OWN: 'yes' } })
    expect(told.map(({ fd, requested }) => [fd, requested])).toEqual([
      [3, 'tcp://*:5000'],
      [4, 'tcp://*:4000'],
      [5, 'tcp://*:3000'],
    ])
    expect([activated, channel]).toEqual([{ count: 2, pid: true }, 6])
  })

  test('are not announced if this process does not listen on all of them', async () => {
    const { activated } = await start(3)
    expect([system.spawned[0]?.descriptors, activated]).toEqual([[21, 4, 3], undefined])
  })
})
