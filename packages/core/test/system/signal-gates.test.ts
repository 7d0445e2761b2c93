import { signalGates } from '../../src/system/signal-gates.ts'
import type { Release } from '../../src/system/system.ts'

// A signal that no program sends and that does nothing by default. The tests emit it as Node does, and do not raise it.
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

test('earlier and later handlers are held, and listeners() still shows all of them', async () => {
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

test('held handlers are called later, once, in order, and with the signal', async () => {
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

test('handlers that are not held are called at once', () => {
  process.once(signal, note('once'))
  process.on(signal, note('on'))
  watch(false)
  process.emit(signal, signal)
  expect(calls).toEqual(['own', ['once', signal], ['on', signal]])
  expect(signalGates().unheard(signal)).toEqual([])
  expect(process.listenerCount(signal)).toBe(2)
})

test('a marked handler is called at once', () => {
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

test('a hold lasts until the end of the delivery in which it is released', async () => {
  process.on(signal, note('other'))
  const release = signalGates().watch(signal, () => release(), true)
  process.emit(signal, signal)
  expect(calls).toEqual([])
  await microtasks()
  process.emit(signal, signal)
  expect(calls).toEqual([['other', signal]])
})

test('a function that is registered twice is held twice', () => {
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

test('only handlers of other code are left behind', async () => {
  const listening = process.listenerCount('newListener')
  const other = note('other')
  process.on(signal, other)
  watch()()
  await microtasks()
  expect([process.listenerCount('newListener'), process.listenerCount(signal)]).toEqual([listening, 1])
  process.emit(signal, signal)
  expect(calls).toEqual([['other', signal]])
})

const remove = (listener: NodeJS.SignalsListener) => process.off(signal, listener)
const removals: [string, () => void][] = [
  ['removeAllListeners() of the signal', () => process.removeAllListeners(signal)],
  ['off() of each', () => process.listeners(signal).forEach(remove)],
  ['off() of each, the last first', () => process.listeners(signal).toReversed().forEach(remove)],
]
const scenes = removals.flatMap(([title, removeAll]) =>
  [0, 1, 2].map((others): [string, number, () => void] => [title, others, removeAll]),
)

test.each(scenes)(
  '%s, among %i other handlers: our handler is restored before the signal arrives',
  async (_how, others, removeAll) => {
    for (let index = 0; index < others; index++) process.on(signal, note('removed'))
    watch()
    process.prependListener(signal, note('removed, too'))
    removeAll()
    expect(process.listenerCount(signal)).toBe(1)
    process.on(signal, note('later'))
    await microtasks()
    process.emit(signal, signal)
    expect([calls, process.listenerCount(signal)]).toEqual([['own'], 2])
  },
)

test('our handler is registered once if other code restores it', async () => {
  watch()
  const saved = process.rawListeners(signal) as (() => void)[]
  process.removeAllListeners(signal)
  for (const listener of saved) process.on(signal, listener)
  await microtasks()
  process.emit(signal, signal)
  expect([calls, process.listenerCount(signal)]).toEqual([['own'], 1])
})

test('our handler does not come back after its release', async () => {
  const release = watch()
  watch()()
  process.removeAllListeners(signal)
  await microtasks()
  expect(process.listenerCount(signal)).toBe(1)
  release()
  await microtasks()
  expect(process.listenerCount(signal)).toBe(0)
})

test('Node does not warn about our handler, nor again about other handlers', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  for (let index = 0; index < process.getMaxListeners(); index++) process.on(signal, note('other'))
  watch()
  await microtasks()
  expect(warn).not.toHaveBeenCalled()
  expect(process.getMaxListeners()).toBe(10)
  warn.mockRestore()
})

test('a handler that checks for other listeners is recognised by that', () => {
  process.on(signal, () => process.listeners(signal).length)
  process.on(signal, () => {})
  watch()
  const unheard = signalGates().unheard(signal)
  for (const handler of unheard) handler.call()
  expect(unheard.map(({ looked }) => looked)).toEqual([true, false])
  expect(Object.hasOwn(process, 'listeners')).toBe(false)
})
