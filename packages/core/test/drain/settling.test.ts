import type { Socket } from 'node:net'
import type { Connections } from '../../src/connections/connections.ts'
import { Settling } from '../../src/drain/settling.ts'
import { FakeSystem } from '../fake-system.ts'

let system: FakeSystem
let sockets: Map<Socket, undefined>
let changed: () => void
const upgraded = { waiting: false }

beforeEach(() => {
  system = new FakeSystem()
  sockets = new Map()
  upgraded.waiting = false
  changed = () => {}
})

function settling(): Settling {
  const connections = {
    sockets,
    upgraded: new Map(),
    sessions: new Set(),
    http: {},
    http2: false,
    handshaking: () => [],
    onChange: (listener: () => void) => {
      changed = listener
      return () => {
        changed = () => {}
      }
    },
  } as unknown as Connections
  return new Settling(connections, system, { lingersBehind: () => false }, upgraded)
}

const idle = { _httpMessage: null } as unknown as Socket

test('settles after 25 ms if no connection is left', () => {
  let settled = 0
  settling().onSettled(() => settled++)
  system.advance(24)
  expect(settled).toBe(0)
  system.advance(1)
  expect([settled, system.timers]).toEqual([1, 0])
})

test('waits for an idle connection, which may send a request, and checks again at each change', () => {
  let settled = 0
  sockets.set(idle, undefined)
  settling().onSettled(() => settled++)
  system.advance(1000)
  expect(settled).toBe(0)
  sockets.delete(idle)
  changed()
  system.advance(25)
  expect(settled).toBe(1)
})

test('waits for WebSockets that have not received their close frame yet', () => {
  let settled = 0
  upgraded.waiting = true
  settling().onSettled(() => settled++)
  system.advance(500)
  expect(settled).toBe(0)
  upgraded.waiting = false
  system.advance(25)
  expect(settled).toBe(1)
})

test('ends the wait once, at its deadline or with the drain', () => {
  let settled = 0
  sockets.set(idle, undefined)
  const each = settling()
  const end = each.onSettled(() => settled++)
  end()
  end()
  each.dispose()
  expect([settled, system.timers]).toEqual([1, 0])
})
