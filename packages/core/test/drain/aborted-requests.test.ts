import { EventEmitter } from 'node:events'
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { whenAborted } from '../../src/drain/aborted-requests.ts'

const ofPrototype = (): unknown => Reflect.get(IncomingMessage.prototype, 'destroy')
const destroy = ofPrototype()

function request(socket: Socket): IncomingMessage {
  return new IncomingMessage(socket).on('error', () => {})
}

function connection(): Socket {
  return Object.assign(new EventEmitter(), { destroy: () => {} }) as unknown as Socket
}

function open(): { socket: Socket; requests: IncomingMessage[] } {
  const socket = connection()
  const requests = [request(socket), request(socket)]
  // As Node does for requests that were not answered.
  socket.on('close', () => {
    for (const each of requests) each.destroy()
  })
  return { socket, requests }
}

test('reports each request that Node destroys when its connection closes, and no request of another connection', () => {
  const { socket, requests } = open()
  const other = request(connection())
  socket.on('close', () => other.destroy())
  const heard: (readonly IncomingMessage[])[] = []
  whenAborted(socket, (aborted) => heard.push(aborted))
  socket.emit('close')
  expect(heard).toHaveLength(1)
  expect(new Set(heard[0])).toEqual(new Set(requests))
  expect([...requests, other].every((each) => each.destroyed)).toBe(true)
})

test('does not report requests that were destroyed before the connection closed', () => {
  const { socket } = open()
  socket.removeAllListeners('close')
  const heard: (readonly IncomingMessage[])[] = []
  whenAborted(socket, (aborted) => heard.push(aborted))
  request(socket).destroy()
  socket.emit('close')
  expect(heard).toEqual([[]])
})

test('shadows the prototype method only while the connection closes', () => {
  const { socket } = open()
  let within: unknown
  socket.on('close', () => {
    within = ofPrototype()
  })
  whenAborted(socket, () => {})
  expect(ofPrototype()).toBe(destroy)
  socket.emit('close')
  expect(within).not.toBe(destroy)
  expect(ofPrototype()).toBe(destroy)
})

test('reports nothing after its release', () => {
  const { socket } = open()
  const listeners = socket.listenerCount('close')
  const heard = jest.fn()
  whenAborted(socket, heard)()
  socket.emit('close')
  expect(heard).not.toHaveBeenCalled()
  expect(socket.listenerCount('close')).toBe(listeners)
})
