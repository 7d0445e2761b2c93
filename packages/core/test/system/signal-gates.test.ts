import { signalGates } from '../../src/system/signal-gates.ts'
import type { Release } from '../../src/system/system.ts'

// A signal that nobody sends and that does nothing by default. It is emitted here as Node does it, and not raised.
const signal = 'SIGURG'
const undo: Release[] = []
const calls: unknown[] = []

afterEach(() => {
  for (const release of undo.splice(0)) release()
  process.removeAllListeners(signal)
  calls.length = 0
})

const note = (name: string) => (given: unknown) => calls.push([name, given])
const microtasks = () => new Promise((resolve) => setImmediate(resolve))

function watch(holds = true): Release {
  const release = signalGates().watch(signal, () => calls.push('own'), holds)
  undo.push(release)
  return release
}

test('handlers that were there and those that come later are held; none is lost to those who look', async () => {
  const [before, after] = [note('before'), note('after')]
  process.on(signal, before)
  watch()
  process.prependListener(signal, after)
  await microtasks()
  process.emit(signal, signal)
  expect(calls).toEqual(['own'])
  expect(process.listenerCount(signal)).toBe(3)
  expect(process.listeners(signal)).toEqual(expect.arrayContaining([before, after]))
  expect(process.listenerCount(signal, before)).toBe(1)
  process.off(signal, before)
  expect(process.listeners(signal)).not.toContain(before)
})

test('what was held is called later, once, in order, and with the signal', async () => {
  process.once(signal, note('first'))
  process.on(signal, note('second'))
  watch()
  process.emit(signal, signal)
  const unheard = signalGates().unheard(signal)
  for (const handler of unheard) handler.call()
  expect(calls).toEqual(['own', ['first', signal], ['second', signal]])
  expect(signalGates().unheard(signal)).toEqual([])
  expect(process.listenerCount(signal)).toBe(2)
})

test('what was not held has been heard', () => {
  process.once(signal, note('once'))
  process.on(signal, note('on'))
  watch(false)
  process.emit(signal, signal)
  expect(calls).toEqual(['own', ['once', signal], ['on', signal]])
  expect(signalGates().unheard(signal)).toEqual([])
  expect(process.listenerCount(signal)).toBe(2)
})

test('a marked handler hears at once', () => {
  const marked = Object.assign(note('marked'), { [Symbol.for('zerodrop.immediate')]: true })
  process.on(signal, note('held'))
  process.on(signal, marked)
  watch()
  process.emit(signal, signal)
  expect(calls).toEqual(['own', ['marked', signal]])
  expect(
    signalGates()
      .unheard(signal)
      .map(({ name }) => name),
  ).toHaveLength(1)
})

test('the hold lasts to the end of a delivery in which it was released', async () => {
  process.on(signal, note('other'))
  const release = signalGates().watch(signal, () => release(), true)
  process.emit(signal, signal)
  expect(calls).toEqual([])
  await microtasks()
  process.emit(signal, signal)
  expect(calls).toEqual([['other', signal]])
})

test('one function that is there twice is held twice', () => {
  const twice = note('twice')
  process.on(signal, twice)
  process.on(signal, twice)
  const release = watch()
  process.emit(signal, signal)
  expect(calls).toEqual(['own'])
  process.off(signal, twice)
  process.off(signal, twice)
  release()
  expect(process.listenerCount(signal)).toBe(0)
})

test('nothing is left behind but what others have put there', async () => {
  const listening = process.listenerCount('newListener')
  const other = note('other')
  process.on(signal, other)
  watch()()
  await microtasks()
  expect([process.listenerCount('newListener'), process.listenerCount(signal)]).toEqual([listening, 1])
  process.emit(signal, signal)
  expect(calls).toEqual([['other', signal]])
})
