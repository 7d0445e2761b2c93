import { message, messageFields, readMessage, versionOf } from '../../src/handover/protocol.ts'
import { protocolVersion } from '../../src/system/boot.ts'

/** One message of each type, as sent over the channel. */
const examples: Record<string, object> = {
  started: {},
  'ticket-keys': {
    servers: [
      {
        listener: 'tcp://*:1',
        keys: Buffer.alloc(48).toString('base64'),
        sessionIdContext: 'a',
        policy: 'p',
      },
      { listener: 'tcp://*:2', keys: Buffer.alloc(48, 1).toString('base64'), policy: 'p' },
    ],
  },
  spare: { listener: 'tcp://*:1' },
  stderr: { text: '' },
  'not-ready': { reason: 'GET / was answered with 500' },
  ready: {},
  accept: {},
  accepts: {},
  stop: {},
  stopping: {},
  serve: {},
  parent: { rest: 'eyJ' },
  ask: { id: 1 },
  alive: { id: 1 },
  restart: {},
  signal: { name: 'SIGHUP' },
  connection: { id: 1, listener: 'tcp://*:1', used: true, requests: 0 },
  taken: { ids: [1, 2] },
  declined: { ids: [3], listening: true },
  takes: { webSockets: ['*', '/chat'], streams: true },
  live: {
    id: 4,
    listener: 'tcp://*:1',
    kind: 'websocket',
    name: '*',
    head: 'GET / HTTP/1.1\r\n\r\n',
    half: '',
    state: '/w9U',
    protocol: '',
    extensions: '',
    window: '',
    chunked: false,
  },
  'live-handle': { id: 4 },
  'live-answer': { id: 4, taken: true },
  late: { id: 4, call: '/w8=' },
  'catch-up': {},
  'caught-up': {},
  ended: { pid: 17, milliseconds: 0.5, migrated: 0, cut: 0 },
}

const keys = Buffer.alloc(48).toString('base64')
const never: unknown[] = [undefined, null, NaN, Infinity, [null], [[]], {}, () => {}, Symbol.iterator]

/** Invalid values for each kind of field. */
const wrong: Record<string, unknown[]> = {
  text: [...never, 0, 1, true, ['x']],
  flag: [...never, 0, 1, 'true', ''],
  count: [...never, -1, 1.5, 2 ** 53, '1', true, [1], 1n],
  texts: [...never.filter((value) => !Array.isArray(value)), 1, 'x', [1], ['x', null], { length: 1, 0: 'x' }],
  counts: [...never, 1, '1', [], ['1'], [1, null], [1, -1], { length: 1, 0: 1 }],
  duration: [...never, -1, -Infinity, '1', true, [1]],
  ticketKeys: [
    ...never,
    1,
    'x',
    [{ keys, policy: 'p' }],
    [{ listener: 'tcp://*:1', keys }],
    [{ listener: 'tcp://*:1', keys, policy: 1 }],
    [{ listener: 'tcp://*:1' }],
    [{ listener: 1, keys, policy: 'p' }],
    [{ listener: 'tcp://*:1', keys: [1], policy: 'p' }],
    [{ listener: 'tcp://*:1', keys: Buffer.alloc(47).toString('base64'), policy: 'p' }],
    [{ listener: 'tcp://*:1', keys, sessionIdContext: 1, policy: 'p' }],
    [{ listener: 'tcp://*:1', keys, policy: 'p' }, null],
  ],
}

test('the message shapes match this version: changing a message requires a new version number', () => {
  expect({ protocolVersion, messageFields }).toEqual({
    protocolVersion: 4,
    messageFields: {
      started: {},
      'ticket-keys': { servers: 'ticketKeys' },
      spare: { listener: 'text' },
      stderr: { text: 'text' },
      'not-ready': { reason: 'text' },
      ready: {},
      accept: {},
      accepts: {},
      stop: {},
      stopping: {},
      serve: {},
      parent: { rest: 'text' },
      ask: { id: 'count' },
      alive: { id: 'count' },
      restart: {},
      signal: { name: 'text' },
      connection: { id: 'count', listener: 'text', used: 'flag', requests: 'count' },
      taken: { ids: 'counts' },
      declined: { ids: 'counts', listening: 'flag' },
      takes: { webSockets: 'texts', streams: 'flag' },
      live: {
        id: 'count',
        listener: 'text',
        kind: 'text',
        name: 'text',
        head: 'text',
        half: 'text',
        state: 'text',
        protocol: 'text',
        extensions: 'text',
        window: 'text',
        chunked: 'flag',
      },
      'live-handle': { id: 'count' },
      'live-answer': { id: 'count', taken: 'flag' },
      late: { id: 'count', call: 'text' },
      'catch-up': {},
      'caught-up': {},
      ended: { pid: 'count', milliseconds: 'duration', migrated: 'count', cut: 'count' },
    },
  })
})

test('every message type survives serialization', () => {
  expect(Object.keys(examples)).toEqual(Object.keys(messageFields))
  for (const [type, fields] of Object.entries(examples)) {
    const sent: unknown = JSON.parse(JSON.stringify(message({ type, ...fields } as never)))
    expect(sent).toEqual({ zerodrop: protocolVersion, type, ...fields })
    expect(readMessage(sent)).toEqual(sent)
  }
})

describe.each(Object.entries(messageFields))('a message of type "%s"', (type, fields) => {
  const whole = { zerodrop: protocolVersion, type, ...examples[type] }

  test('is rejected if any field is invalid or missing', () => {
    for (const [field, kind] of Object.entries(fields)) {
      for (const value of wrong[kind] ?? [])
        expect([field, value, readMessage({ ...whole, [field]: value })]).toEqual([field, value, undefined])
      const { [field as never]: _, ...rest } = whole
      expect(readMessage(rest)).toBeUndefined()
    }
  })

  test('of another version is rejected, and its version can be read', () => {
    const other = { ...whole, zerodrop: protocolVersion + 1 }
    expect([readMessage(other), versionOf(other)]).toEqual([undefined, protocolVersion + 1])
  })

  test('of a newer build with an extra field is accepted', () => {
    expect(readMessage({ ...whole, more: 1 })).toEqual({ ...whole, more: 1 })
  })
})

test.each([
  undefined,
  null,
  'ready',
  1,
  [],
  {},
  { type: 'ready' },
  { zerodrop: 'x', type: 'ready' },
  { zerodrop: protocolVersion },
  { zerodrop: protocolVersion, type: 'toString' },
  { zerodrop: protocolVersion, type: '__proto__' },
  { zerodrop: protocolVersion, type: ['ready'] },
])('%p is not a message', (value) => {
  expect(readMessage(value)).toBeUndefined()
})

test.each([
  [{ zerodrop: 7, type: 'started' }, 7],
  [{ zerodrop: 99 }, 99],
  [{ zerodrop: '1' }, undefined],
  [{ zerodrop: NaN }, undefined],
  [{}, undefined],
  [null, undefined],
  ['zerodrop', undefined],
])('the version of %p is %p', (value, version) => {
  expect(versionOf(value)).toBe(version)
})
