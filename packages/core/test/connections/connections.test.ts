import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { Connections } from '../../src/connections/connections.ts'

test('an HTTP/1 server tracks no connection until a drain begins, and then knows all of them', async () => {
  const server = http.createServer((_request, response) => response.end('x'))
  const accepting = server.listenerCount('connection')
  server.listen(0, '127.0.0.1')
  // As in the core: inside listen(), before Node has a list.
  const connections = new Connections(server, () => 0)
  await once(server, 'listening')
  expect(server.listenerCount('connection')).toBe(accepting)
  const accepted = once(server, 'connection')
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await accepted) as [net.Socket]
  const listeners = socket.listenerCount('close')
  expect([connections.size, socket.listenerCount('close')]).toEqual([0, listeners])

  connections.track()
  expect([...connections.sockets.keys()]).toEqual([socket])
  const empty = connections.empty()
  client.destroy()
  await empty
  expect(connections.size).toBe(0)
  server.close()
  await once(server, 'close')
})
