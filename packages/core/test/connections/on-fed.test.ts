import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { PassThrough } from 'node:stream'
import { onFed } from '../../src/connections/on-fed.ts'

test.each([
  ['http', (): http.Server => http.createServer()],
  ['https', (): http.Server => https.createServer()],
])('a server of %s that receives connections without listening is reported once', (_protocol, create) => {
  const server = create()
  const listeners = [server.listenerCount('connection'), server.listenerCount('listening')]
  let calls = 0
  onFed(server, () => calls++)
  onFed(server, () => calls++)
  const streams = [new PassThrough(), new PassThrough()]
  for (const stream of streams) server.emit('connection', stream)
  expect(calls).toBe(1)
  expect([server.listenerCount('connection'), server.listenerCount('listening')]).toEqual(listeners)
  for (const stream of streams) stream.destroy()
})

test('a server that listens may receive passed-on connections too', async () => {
  const server = http.createServer()
  const listeners = server.listenerCount('connection')
  let calls = 0
  onFed(server, () => calls++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stream = new PassThrough()
  server.emit('connection', stream)
  expect([calls, server.listenerCount('connection')]).toEqual([0, listeners])
  stream.destroy()
  server.close()
  await once(server, 'close')
})
