import { channel } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { WatchedStreams } from '../../../src/handover/live/watched-streams.ts'

const server = {} as Server

function exchange(request: object, head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n') {
  const response = { _header: head, _headerSent: true, write: () => true } as unknown as ServerResponse
  channel('http.server.request.start').publish({
    server,
    request: {
      method: 'GET',
      url: '/events',
      httpVersionMajor: 1,
      headers: {},
      ...request,
    } as IncomingMessage,
    response,
  })
  return response
}

let streams: WatchedStreams
let release: () => void
beforeEach(() => {
  streams = new WatchedStreams()
  release = streams.start((concerned) => concerned === server)
})
afterEach(() => release())

test('follows responses that may become event streams, with the URL as the client sent it', () => {
  expect(streams.of(exchange({}))).toMatchObject({ url: '/events' })
  expect(streams.of(exchange({ headers: { accept: 'text/event-stream' } }))).toBeDefined()
})

test.each([
  ['another method', { method: 'POST' }],
  ['HTTP/2', { httpVersionMajor: 2 }],
  ['a client that accepts something else', { headers: { accept: 'application/json' } }],
])('does not follow %s', (_what, request) => {
  expect(streams.of(exchange(request))).toBeUndefined()
})

test('stops following a response at its first write if it is not an event stream', () => {
  const other = exchange({}, 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n')
  const stream = exchange({})
  for (const response of [other, stream]) response.write('data: 1\n\n')
  expect([streams.of(other), streams.of(stream) === undefined]).toEqual([undefined, false])
})
