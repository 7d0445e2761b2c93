import http from 'node:http'
import net from 'node:net'
import { holdConnections } from '../../src/drain/hold-connections.ts'

test('closeAllConnections() and closeIdleConnections() do nothing until the hold is released', () => {
  const server = http.createServer()
  const release = holdConnections(server)
  expect(Object.hasOwn(server, 'closeAllConnections')).toBe(true)
  server.closeAllConnections()
  server.closeIdleConnections()
  release()
  expect(Object.hasOwn(server, 'closeAllConnections')).toBe(false)
})

test('a server without these methods is left unchanged', () => {
  const server = net.createServer()
  const keys = Object.keys(server)
  holdConnections(server)()
  expect(Object.keys(server)).toEqual(keys)
})
