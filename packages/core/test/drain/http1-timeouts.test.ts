import { EventEmitter } from 'node:events'
import type { Server, Socket } from 'node:net'
import { Http1Timeouts } from '../../src/drain/http1-timeouts.ts'

class FakeSocket extends EventEmitter {
  destroyed = false
  parser = { incoming: null as EventEmitter | null }
  _httpMessage: EventEmitter | null = null
}

let server: EventEmitter
let timedOut: Socket[]
let release: () => void
let timeouts: Http1Timeouts
beforeEach(() => {
  server = new EventEmitter()
  timedOut = []
  timeouts = new Http1Timeouts(server as unknown as Server, (socket) => timedOut.push(socket))
  release = timeouts.start()
})

/** What Node does: it emits 'timeout' on the socket, and then on the server. */
function timeOut(socket: FakeSocket): void {
  socket.emit('timeout')
  server.emit('timeout', socket)
}

function watched(): FakeSocket {
  const socket = new FakeSocket()
  timeouts.watch(socket as unknown as Socket)
  return socket
}

test('the drain handles a timeout that has no other listener', () => {
  const socket = watched()
  timeOut(socket)
  expect(timedOut).toEqual([socket])
})

test('a timeout that the server, the response or an incomplete request listens for is left to the application', () => {
  const [byResponse, byRequest] = [watched(), watched()]
  byResponse._httpMessage = new EventEmitter().on('timeout', () => {})
  byRequest.parser.incoming = Object.assign(
    new EventEmitter().on('timeout', () => {}),
    { complete: false },
  )
  timeOut(byResponse)
  timeOut(byRequest)
  server.on('timeout', () => {})
  timeOut(watched())
  expect(timedOut).toEqual([])
})

test('the release removes every listener', () => {
  const socket = watched()
  release()
  expect([server.listenerCount('timeout'), socket.listenerCount('timeout')]).toEqual([0, 0])
})
