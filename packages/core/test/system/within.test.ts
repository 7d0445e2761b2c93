import { getEventListeners } from 'node:events'
import { pause, within } from '../../src/system/within.ts'
import { FakeSystem } from '../fake-system.ts'

let system: FakeSystem
let abort: AbortController
beforeEach(() => {
  system = new FakeSystem()
  abort = new AbortController()
})
afterEach(() => {
  const left = [system.timers, getEventListeners(abort.signal, 'abort').length]
  if (left.some((count) => count > 0)) throw new Error('a wait left a timer or a listener behind')
})

const fail = (text: string) => (): never => {
  throw new Error(text)
}
const waitFor = (work: Promise<string>) =>
  within<string>(system, work, {
    timeout: 100,
    onTimeout: () => 'too late',
    abort: abort.signal,
    onAbort: fail('aborted'),
  })

test('a result in time is returned', async () => {
  await expect(waitFor(Promise.resolve('done'))).resolves.toBe('done')
})

test('a failure fails the wait', async () => {
  await expect(waitFor(Promise.reject(new Error('failed')))).rejects.toThrow('failed')
})

test('the deadline ends the wait', async () => {
  const waiting = waitFor(new Promise(() => {}))
  system.advance(100)
  await expect(waiting).resolves.toBe('too late')
})

test('an abort ends the wait, even one that came before', async () => {
  const waiting = waitFor(new Promise(() => {}))
  abort.abort()
  await expect(waiting).rejects.toThrow('aborted')
  await expect(waitFor(Promise.resolve('done'))).rejects.toThrow('aborted')
})

test('a pause ends on time or by an abort', async () => {
  const waiting = pause(system, 50, abort.signal)
  system.advance(50)
  await expect(waiting).resolves.toBeUndefined()
  const aborted = pause(system, 50, abort.signal)
  abort.abort()
  await expect(aborted).resolves.toBeUndefined()
})
