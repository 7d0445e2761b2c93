import { message } from '../../src/handover/protocol.ts'
import { protocolVersion } from '../../src/system/boot.ts'
import { failure, spawned, start, system } from './fake-successor.ts'

test('only malformed messages are reported', async () => {
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

test('a child’s actions after it failed or was ready have no effect', async () => {
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

test('a successor that was asked to stop does not count as dead, and its spare sockets are released', async () => {
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

describe('a dismissed successor', () => {
  test('releases its spare sockets', async () => {
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
  ] as const)('is asked to stop once when it %s, and may finish its work', async (_when, type) => {
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

  test('is not asked again if it is already stopping', async () => {
    const successor = await spawned()
    system.child.says(message({ type: 'started' }))
    system.child.says(message({ type: 'stopping' }))
    await successor.dismiss(system)
    expect([system.child.kills, system.child.sent]).toEqual([[], []])
  })

  test('is killed if it does not answer', async () => {
    const successor = await spawned()
    system.child.says(message({ type: 'ready' }))
    const dismissed = successor.dismiss(system)
    system.advance(5000)
    expect(system.child.kills).toEqual(['SIGKILL'])
    system.child.exits(null, 'SIGKILL')
    await dismissed
    expect(system.exitListeners).toBe(0)
  })

  test('is killed if this process ends before it has answered', async () => {
    const successor = await spawned()
    system.child.says(message({ type: 'ready' }))
    const dismissed = successor.dismiss(system)
    expect(system.end(3)).toBe(3)
    expect(system.child.kills).toEqual(['SIGKILL'])
    system.child.exits(null, 'SIGKILL')
    await dismissed
  })

  test('is killed if it does not exit', async () => {
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
