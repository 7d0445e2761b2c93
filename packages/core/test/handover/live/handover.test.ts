import http from 'node:http'
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { keptWindow } from '../../../src/connections/ws-deflate.ts'
import { Handover } from '../../../src/handover/live/handover.ts'

test('announces the servers it takes, each once', () => {
  const changes: string[][] = []
  const handover = new Handover(() => changes.push([...handover.takes.webSockets]))
  const [one, other] = [
    new WebSocketServer({ noServer: true }),
    new WebSocketServer({ noServer: true, path: '/x' }),
  ]
  handover.websockets(one as never)
  handover.websockets(other as never)
  handover.websockets(one as never, { name: 'one' })
  expect(changes).toEqual([['*'], ['*', '/x'], ['/x', 'one']])
})

test('a server without a name is identified by its path, and a name belongs to the server that took it last', () => {
  const handover = new Handover(() => {})
  const [one, other] = [server('/one'), server('/other')]
  handover.websockets(one)
  handover.websockets(other, { name: '/one' })
  expect(handover.takes.webSockets).toEqual(['/one'])
  expect(handover.registrationOf(client(other))?.server).toBe(other)
  expect(handover.registrationOf(client(one))).toBeUndefined()
})

test('a WebSocket belongs to the server that tracks it, or to the only server without tracking', () => {
  const handover = new Handover(() => {})
  const [tracking, silent] = [server('/a'), new WebSocketServer({ noServer: true, clientTracking: false })]
  handover.websockets(tracking)
  expect(handover.registrationOf({} as WebSocket)).toBeUndefined()
  handover.websockets(silent, { name: 'silent' })
  expect(handover.registrationOf(client(tracking))?.name).toBe('/a')
  expect(handover.registrationOf({} as WebSocket)?.name).toBe('silent')
  handover.websockets(new WebSocketServer({ noServer: true, clientTracking: false }), { name: 'second' })
  expect(handover.registrationOf({} as WebSocket)).toBeUndefined()
})

test('the options of a server override the options for all servers', () => {
  const changes: unknown[] = []
  const handover = new Handover((takes) => changes.push(takes.streams))
  const [own, other] = [http.createServer(), http.createServer()]
  const [mine, everybodys] = [{ match: () => true }, {}]
  handover.streams(own, mine)
  expect([handover.streamsOf(own), handover.streamsOf(other)]).toEqual([mine, undefined])
  handover.streams(undefined, everybodys)
  expect(handover.streamsOf(own)).toBe(mine)
  expect(handover.streamsOf(other)).toBe(everybodys)
  expect(changes).toEqual([true, true])
})

test('the saved state is found through the request of Node, Fastify and Koa', () => {
  const handover = new Handover(() => {})
  const request = {} as http.IncomingMessage
  handover.restore(request, { room: 7 })
  for (const each of [request, { raw: request }, { req: request }])
    expect(handover.restored(each)).toEqual({ room: 7 })
  expect(handover.restored({})).toBeUndefined()
})

test('a server with keepWindow gives each WebSocket the window that came with its connection, once', () => {
  const handover = new Handover(() => {})
  const wss = server('/deflate')
  const deflate = { params: {}, _options: {}, decompress: () => {} }
  const upgraded = { _extensions: { 'permessage-deflate': deflate } } as unknown as WebSocket
  const handleUpgrade = jest.fn((_request, _socket, _head, callback: (each: WebSocket) => void) =>
    callback(upgraded),
  )
  wss.handleUpgrade = handleUpgrade as never
  handover.websockets(wss, { keepWindow: true })
  const first: unknown = Reflect.get(wss, 'handleUpgrade')
  handover.websockets(wss, { keepWindow: true })
  expect(Reflect.get(wss, 'handleUpgrade')).toBe(first)
  const heard = jest.fn()
  const [socket, window] = [{} as Socket, Buffer.from('what was said before')]
  handover.restoreWindow(socket, window)
  wss.handleUpgrade({} as never, socket, Buffer.alloc(0), heard)
  expect(heard).toHaveBeenCalledWith(upgraded)
  expect(handleUpgrade).toHaveBeenCalledTimes(1)
  expect(keptWindow(upgraded)).toEqual(window)
})

function server(path: string): WebSocketServer {
  return new WebSocketServer({ noServer: true, path })
}

/** A WebSocket of a server that tracks its clients. */
function client(of: WebSocketServer): WebSocket {
  const webSocket = {} as WebSocket
  of.clients.add(webSocket)
  return webSocket
}
