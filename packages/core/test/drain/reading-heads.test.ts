import type { Socket } from 'node:net'
import type { Connections } from '../../src/connections/connections.ts'
import { ReadingHeads } from '../../src/drain/reading-heads.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

let idle: Set<Socket>
let asked: number
let upgraded: Map<Socket, unknown>
let heads: ReadingHeads
beforeEach(() => {
  idle = new Set()
  asked = 0
  upgraded = new Map()
  const connections = {
    upgraded,
    idle: () => {
      asked++
      return idle
    },
  }
  heads = new ReadingHeads(connections as unknown as Connections, new FakeSystem())
})

const socket = (what: object = {}): Socket =>
  ({
    bytesRead: 10,
    errored: null,
    _httpMessage: null,
    parser: { incoming: null },
    ...what,
  }) as unknown as Socket

test('a head has begun on a connection that is not idle and has no request', () => {
  expect(heads.includes(socket())).toBe(true)
})

test('no head has begun on an idle, unused or upgraded connection, or after an answered error', () => {
  const [quiet, webSocket] = [socket(), socket()]
  idle.add(quiet)
  upgraded.set(webSocket, {})
  const others = [quiet, socket({ bytesRead: 0 }), webSocket, socket({ errored: new Error('HPE_INVALID') })]
  expect(others.map((each) => heads.includes(each))).toEqual([false, false, false, false])
})

test('Node is queried once for all connections that close in one event loop tick', async () => {
  for (let index = 0; index < 100; index++) heads.includes(socket())
  expect(asked).toBe(1)
  await turn()
  heads.includes(socket())
  expect(asked).toBe(2)
})
