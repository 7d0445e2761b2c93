import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { isHeldBack, isThrownAway, requestOn, responseOn, unsentBytes } from '../system/node-internals.ts'

/** The response that is being written to this connection, or the next one. */
export function currentResponse(socket: Socket): ServerResponse | undefined {
  return responseOn(socket)
}

/** Whether Node reads HTTP/1 on a connection, which was not upgraded. */
export function readsHttp1(socket: Socket): boolean {
  return requestOn(socket) !== undefined
}

/** The server of a request; undefined if Node does not tell, as for HTTP/2. */
export function serverOf(request: IncomingMessage): Server | undefined {
  return (request.socket as Socket & { server?: Server }).server
}

/** Calls back when an exchange is over: its response has ended, or its connection or stream has. */
export function whenOver(request: IncomingMessage, listener: () => void): void {
  const { socket, stream, upgrade } = request as IncomingMessage & {
    stream?: EventEmitter
    upgrade?: boolean
  }
  if (stream !== undefined) {
    stream.once('close', listener)
    return
  }
  const response = currentResponse(socket)
  if (response?.req === request) response.once('close', listener)
  else if (response !== undefined) whenNext(response, () => whenOver(request, listener))
  else if (upgrade === true && !socket.destroyed) socket.once('close', listener)
  else listener()
}

/** The callbacks that wait for the end of a response, because theirs follows it on the same connection. */
const behind = new WeakMap<ServerResponse, (() => void)[]>()

/** Calls back when the next response has its turn. All pipelined requests share one listener. */
function whenNext(response: ServerResponse, listener: () => void): void {
  const others = behind.get(response)
  if (others !== undefined) {
    others.push(listener)
    return
  }
  const listeners = [listener]
  behind.set(response, listeners)
  response.once('close', () => {
    behind.delete(response)
    for (const each of listeners) each()
  })
}

/** True while written bytes wait in this process: in the stream, or in libuv because the reader is slow. */
export function hasUnflushed(socket: Socket): boolean {
  return unsentBytes(socket) !== 0
}

/**
 * The request whose body is still arriving although its response was sent completely, as after an early 413.
 */
export function unreadRequest(socket: Socket): IncomingMessage | undefined {
  const request = requestOn(socket) ?? undefined
  return request === undefined || request.complete || responseOn(socket) !== undefined ? undefined : request
}

/** Whether the application still reads the body of a request. */
export function isWanted(request: IncomingMessage): boolean {
  const reads = request.readableFlowing === true || request.listenerCount('readable') > 0
  return reads && isThrownAway(request) !== true
}

/** Whether no request has been read on this connection after the request of this response. */
export function isLast(response: ServerResponse): boolean {
  const { socket } = response.req
  // There is more in the kernel.
  if (isHeldBack(socket)) return false
  const newest = requestOn(socket) ?? undefined
  return newest === undefined || newest === response.req
}
