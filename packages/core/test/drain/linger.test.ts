import type { Socket } from 'node:net'
import type { Connections } from '../../src/connections/connections.ts'
import type { Http1Drain } from '../../src/drain/http1-drain.ts'
import { Linger } from '../../src/drain/linger.ts'
import type { ServerDrainOptions } from '../../src/drain/server-drain-options.ts'
import { Attempts } from '../../src/errors/attempts.ts'
import { FakeSystem } from '../fake-system.ts'

let system: FakeSystem
let ended: string[]
const [used, unused] = [{}, {}] as [Socket, Socket]

beforeEach(() => {
  system = new FakeSystem()
  ended = []
})

function linger(lingerTimeout: number, firstRequestTimeout: number): Linger {
  const http1 = {
    endIdle: () => ended.push('idle'),
    endUnused: () => ended.push('unused'),
    endHandshakes: () => ended.push('handshakes'),
    endQuiet: (sockets: readonly Socket[]) =>
      ended.push(...sockets.map((each) => (each === used ? 'quiet used' : 'quiet unused'))),
  } as unknown as Http1Drain
  const connections = { unused: () => new Set([unused]) } as unknown as Connections
  const options = { lingerTimeout, firstRequestTimeout } as ServerDrainOptions
  return new Linger(connections, system, http1, new Attempts(() => {}), options)
}

test('ends unused connections first, and idle connections when their time is over', () => {
  const each = linger(5000, 1000)
  each.announce()
  each.begin()
  system.advance(1000)
  expect(ended).toEqual(['unused'])
  system.advance(4000)
  expect(ended).toEqual(['unused', 'idle', 'unused', 'handshakes'])
})

test('ends only handshakes until the clients are notified, and the rest in due time after that', () => {
  const each = linger(5000, 1000)
  each.begin()
  system.advance(5000)
  expect(ended).toEqual(['handshakes'])
  each.announce()
  system.advance(5000)
  expect(ended).toEqual(['handshakes', 'unused', 'idle', 'unused', 'handshakes'])
})

test('allows connections that were accepted late the time for a first request', () => {
  const each = linger(0, 1000)
  expect(each.timeout).toBe(0)
  each.acceptedMore = true
  expect(each.timeout).toBe(1000)
})

test('allows connections that stay the same times from that moment on', () => {
  linger(5000, 1000).keep([used, unused])
  system.advance(1000)
  expect(ended).toEqual(['quiet unused'])
  system.advance(4000)
  expect(ended).toEqual(['quiet unused', 'quiet used'])
})

test('leaves no timer behind', () => {
  const each = linger(5000, 1000)
  each.begin()
  each.keep([used])
  each.dispose()
  expect(system.timers).toBe(0)
})
