import type { Server } from 'node:net'
import { siblingsOf } from '../../src/servers/siblings.ts'

const answer = () => {}

function server(port: number | undefined, handler = answer): Server {
  const address = port === undefined ? null : { port }
  return { address: () => address, listeners: () => [handler] } as unknown as Server
}

test('servers with the same handler on the same port are siblings', () => {
  expect(siblingsOf(server(3000))(server(3000))).toBe(true)
})

test('servers with another port or another handler are not', () => {
  const isSibling = siblingsOf(server(3000))
  expect(isSibling(server(3001))).toBe(false)
  expect(isSibling(server(3000, () => {}))).toBe(false)
})

test('servers that do not listen are not', () => {
  expect(siblingsOf(server(undefined))(server(undefined))).toBe(false)
})

test('a server on a Unix socket has no siblings', () => {
  const onPath = { address: () => '/run/app.sock', listeners: () => [answer] } as unknown as Server
  expect(siblingsOf(onPath)(onPath)).toBe(false)
})
