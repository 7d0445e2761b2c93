import { EventEmitter } from 'node:events'
import type { Server } from 'node:net'
import { checkProperty } from '../../src/health/self-socket.ts'
import { shadowDuringSelfRequests } from '../../src/lifecycle/self-request-shadow.ts'

const ofClient = { socket: {} }
const ofItself = { socket: { [checkProperty]: 'ready' } }

function watched() {
  const server = new EventEmitter()
  const log: string[] = []
  const state = { over: false }
  server.on('request', (request) => log.push(request === ofItself ? 'itself' : 'client'))
  shadowDuringSelfRequests(
    server as Server,
    () => state.over,
    () => {
      log.push('replaced')
      return () => log.push('released')
    },
  )
  return { server, log, state }
}

test('only the handlers of self-requests see the replacement', () => {
  const { server, log } = watched()
  for (const request of [ofClient, ofItself, ofClient]) server.emit('request', request)
  expect(log).toEqual(['client', 'replaced', 'itself', 'released', 'client'])
})

test('a handler that throws does not leave the replacement in place for the next request', () => {
  const { server, log } = watched()
  server.once('request', () => {
    throw new Error('on purpose')
  })
  // The listener that throws runs before the one that releases.
  const [begin, handler, end, thrower] = server.rawListeners('request') as (() => void)[]
  server.removeAllListeners('request')
  for (const listener of [begin, thrower, handler, end]) server.on('request', listener!)
  expect(() => server.emit('request', ofItself)).toThrow('on purpose')
  server.emit('request', ofClient)
  expect(log).toEqual(['replaced', 'released', 'client'])
})

test('no listener remains after the first request that follows the release', () => {
  const { server, log, state } = watched()
  state.over = true
  server.emit('request', ofClient)
  expect(server.listenerCount('request')).toBe(1)
  server.emit('request', ofItself)
  expect(log).toEqual(['client', 'itself'])
})
