import type { Socket } from 'node:net'
import type { Connections } from '../../src/connections/connections.ts'
import { IdleTimeouts } from '../../src/drain/idle-timeouts.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

let idle: Set<Socket>
let ended: Socket[]
let timeouts: IdleTimeouts
beforeEach(() => {
  idle = new Set()
  ended = []
  const connections = { idle: () => idle } as unknown as Connections
  timeouts = new IdleTimeouts(connections, new FakeSystem(), (socket) => ended.push(socket))
})

/** A connection on which Node's parser reads HTTP/1. */
function connection(what: object = {}) {
  const socket = { bytesRead: 10, parser: { incoming: null }, _httpMessage: null, destroyed: false, ...what }
  return Object.assign(socket, {
    destroy: () => {
      socket.destroyed = true
    },
  }) as unknown as Socket
}

test('the drain ends an idle connection in its own way', async () => {
  const socket = connection()
  idle.add(socket)
  timeouts.onTimeout(socket)
  await turn()
  expect([ended, socket.destroyed]).toEqual([[socket], false])
})

test('a connection with an in-flight request is destroyed at once, as in Node', () => {
  const socket = connection({ _httpMessage: {} })
  timeouts.onTimeout(socket)
  expect(socket.destroyed).toBe(true)
})

test('a connection whose client has sent another request in the meantime is left alone', async () => {
  const socket = connection()
  timeouts.onTimeout(socket)
  Object.assign(socket, { bytesRead: 11 })
  await turn()
  expect([ended, socket.destroyed]).toEqual([[], false])
})

test('no connection is ended after the drain', async () => {
  const socket = connection()
  idle.add(socket)
  timeouts.onTimeout(socket)
  timeouts.dispose()
  await turn()
  expect(ended).toEqual([])
})
