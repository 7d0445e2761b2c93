import {
  fromWire,
  keeperFields,
  keeperVersion,
  readKeeperOrders,
  toWire,
} from '../../src/system/keeper-protocol.ts'

// A keeper may be years older than the generations below it. A change here breaks those that run: add a type instead.
test('the protocol between a keeper and its generations does not change', () => {
  expect(keeperVersion).toBe(1)
  expect(
    Object.fromEntries(Object.entries(keeperFields).map(([type, fields]) => [type, Object.keys(fields)])),
  ).toEqual({
    keep: ['bound', 'requested'],
    drop: ['bound'],
    charge: ['generation'],
    start: ['id', 'file', 'args', 'cwd', 'env', 'listeners'],
    parent: ['serialization'],
    'parent-closed': [],
    kill: ['pid', 'signal'],
    answer: ['id'],
    stderr: ['text'],
    started: ['id', 'pid'],
    'not-started': ['id', 'message'],
    dropped: ['bound'],
    ended: ['pid', 'code', 'signal'],
    ask: ['id', 'what'],
  })
})

test('a message is sent with the protocol version', () => {
  const message = { type: 'charge', generation: 2 } as const
  expect(toWire(message)).toEqual({ zerodropKeeper: 1, ...message })
  expect(fromWire(JSON.parse(JSON.stringify(toWire(message))))).toMatchObject(message)
})

test.each([
  undefined,
  null,
  'charge',
  { type: 'charge', generation: 1 },
  { zerodropKeeper: 2, type: 'charge', generation: 1 },
  { zerodropKeeper: 1, type: 'later' },
  { zerodropKeeper: 1, type: 'toString' },
  { zerodropKeeper: 1, type: 'charge' },
  { zerodropKeeper: 1, type: 'charge', generation: -1 },
  { zerodropKeeper: 1, type: 'charge', generation: '1' },
  { zerodropKeeper: 1, type: 'keep', bound: 'tcp://[::]:1', requested: 1 },
  { zerodropKeeper: 1, type: 'start', id: 1, file: 'node', args: 'x', cwd: '/', env: {}, listeners: [] },
  { zerodropKeeper: 1, type: 'start', id: 1, file: 'node', args: [], cwd: '/', env: { A: 1 }, listeners: [] },
  { zerodropKeeper: 1, type: 'start', id: 1, file: 'node', args: [], cwd: '/', env: null, listeners: [] },
  { zerodropKeeper: 1, type: 'ended', pid: 1, code: 'x', signal: null },
])('%j is not a message', (value) => {
  expect(fromWire(value)).toBeUndefined()
})

const orders = { version: 1, pid: 7, channel: 3, generation: 1, listeners: [] }

test('the keeper variable is read', () => {
  const listeners = [{ bound: 'tcp://[::]:3000', requested: 'tcp://*:3000', fd: 3 }]
  expect(readKeeperOrders(JSON.stringify({ ...orders, listeners }))).toEqual({ ...orders, listeners })
})

test.each([
  '',
  'null',
  '3',
  '{}',
  JSON.stringify({ ...orders, version: 2 }),
  JSON.stringify({ ...orders, channel: -1 }),
  JSON.stringify({ ...orders, listeners: [{ fd: 3 }] }),
  JSON.stringify({ ...orders, listeners: 'none' }),
])('a variable that holds %s is not a keeper', (variable) => {
  expect(readKeeperOrders(variable)).toBeUndefined()
})
