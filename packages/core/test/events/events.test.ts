import type { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { emit, Events, lifecycleEvents } from '../../src/events/events.ts'
import { turn, turns } from '../turns.ts'

const page = readFileSync(path.resolve(__dirname, '../../../../docs/events.md'), 'utf8')

test('docs/events.md lists each event with its time and payload, in the order of the table', () => {
  const sections = page.split(/^### /m).slice(1)
  const documented = sections.map((section) => {
    const [name, , when] = section.split('\n')
    const payload = [...section.matchAll(/^- `(\w+)`: (.+)$/gm)].map(([, field, text]) => [field, text])
    return [name, { when, payload: Object.fromEntries(payload) as object }]
  })
  expect(documented).toEqual(Object.entries(lifecycleEvents))
})

test('docs/events.md states the log level of each event, or its place in a sequence', () => {
  const [order = ''] = page.split('### ')
  for (const name of Object.keys(lifecycleEvents)) expect(order).toContain(`\`${name}\``)
})

test('an event is published on its channel with its payload while the channel has a subscriber', () => {
  const events = new Events()
  const published: unknown[] = []
  const hear = (message: unknown, name: unknown): void => {
    published.push([name, message])
  }
  subscribe('zerodrop:drain:start', hear)
  emit(events, 'drain:start', { reason: 'SIGTERM' })
  emit(events, 'ready', { generation: 1 })
  unsubscribe('zerodrop:drain:start', hear)
  emit(events, 'drain:start', { reason: 'SIGINT' })
  expect(published).toEqual([['zerodrop:drain:start', { reason: 'SIGTERM' }]])
})

test('nothing is published on a channel without subscribers', () => {
  const publish = jest.spyOn(channel('zerodrop:ready'), 'publish')
  emit(new Events(), 'ready', { generation: 1 })
  expect(publish).not.toHaveBeenCalled()
  publish.mockRestore()
})

test('a subscriber gets the next event, even if its channel is new and the garbage collector has run', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const events = new Events()
  emit(events, 'exit', { code: 0 })
  // Objects used in this turn become garbage only in the next one.
  await turn()
  collectGarbage()
  const heard = jest.fn()
  subscribe('zerodrop:exit', heard)
  // Node forgets channels in a later turn than the collector frees them.
  await turns()
  emit(events, 'exit', { code: 1 })
  unsubscribe('zerodrop:exit', heard)
  expect(heard.mock.calls).toEqual([[{ code: 1 }, 'zerodrop:exit']])
})

test('a listener that throws is reported, and channel subscribers still get the event', () => {
  const events = new Events()
  events.on('ready', () => {
    throw new Error('a slip')
  })
  const heard = jest.fn()
  subscribe('zerodrop:ready', heard)
  const errors: unknown[] = []
  emit(events, 'ready', { generation: 1 }, (error) => errors.push(error))
  expect(errors).toEqual([expect.objectContaining({ code: 'ERR_ZERODROP_LISTENER_FAILED' })])
  unsubscribe('zerodrop:ready', heard)
  expect(heard).toHaveBeenCalledTimes(1)
})

test('each listener is called even if others fail, and each failure is reported', async () => {
  const events = new Events()
  const told: string[] = []
  const causes: unknown[] = []
  const say = (name: string) => told.push(name)
  events.on('ready', () => {
    say('throws')
    throw new Error('thrown')
  })
  events.once('ready', (() => {
    say('rejects')
    return Promise.reject(new Error('rejected'))
  }) as () => void)
  events.on('ready', (() => runInNewContext("Promise.reject('of another realm')") as unknown) as () => void)
  events.on('ready', (payload) => say(`hears ${payload.generation}`))
  events.prependListener('ready', () => events.once('ready', () => say('is late')))
  const onError = ({ code, cause, message }: { code: string; cause?: unknown; message: string }) =>
    causes.push([
      code,
      (cause as Error).message ?? cause,
      /(threw|rejected), and zerodrop went on/.exec(message)?.[1],
    ])
  emit(events, 'ready', { generation: 1 }, onError)
  emit(events, 'ready', { generation: 2 }, onError)
  await turn()
  expect(told).toEqual(['throws', 'rejects', 'hears 1', 'throws', 'hears 2', 'is late'])
  const code = 'ERR_ZERODROP_LISTENER_FAILED'
  expect(causes).toEqual([
    [code, 'thrown', 'threw'],
    [code, 'thrown', 'threw'],
    [code, 'rejected', 'rejected'],
    [code, 'of another realm', 'rejected'],
    [code, 'of another realm', 'rejected'],
  ])
})

test('only zerodrop emits its events; the events of EventEmitter itself work', () => {
  const events = new Events()
  const added: unknown[] = []
  ;(events as EventEmitter).on('newListener', (name) => added.push(name))
  const heard = jest.fn()
  events.on('ready', heard)
  expect(() => events.emit('ready', { generation: 7 })).toThrow(
    expect.objectContaining({ code: 'ERR_ZERODROP_EVENTS_READ_ONLY' }),
  )
  expect([added, heard.mock.calls]).toEqual([['ready'], []])
})
