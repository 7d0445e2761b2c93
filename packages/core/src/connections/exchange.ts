import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'

/** What Node keeps on a socket that an http server reads, under names unchanged since Node 0.10. Read, never written. */
interface HttpSocket extends Socket {
  readonly _httpMessage?: ServerResponse | null
  readonly _paused?: boolean
  readonly parser?: { readonly incoming: IncomingMessage | null } | null
  readonly _handle?: { readonly writeQueueSize?: number } | null
}

/** The response that is being written on this connection, or will be next. */
export function currentResponse(socket: Socket): ServerResponse | undefined {
  return (socket as HttpSocket)._httpMessage ?? undefined
}

/** The server that a request came to, as far as Node tells: undefined for HTTP/2. */
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

/** Who waits for the end of a response, because their own comes behind it on the same connection. */
const behind = new WeakMap<ServerResponse, (() => void)[]>()

/** Calls back when the next response has its turn. One listener for all that are pipelined, however many. */
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

/** True while bytes that were written wait in this process: in the stream, or in libuv because the reader is slow. */
export function hasUnflushed(socket: Socket): boolean {
  return socket.writableLength > 0 || ((socket as HttpSocket)._handle?.writeQueueSize ?? 0) > 0
}

/**
 * Makes a response say `Connection: close` if it is the last that its client can expect: a client that pipelined sends
 * no more once it was told, but must get what it had asked for before, in order.
 *
 * Decided when the head is written, not now, since more requests can arrive until then. Node reads `shouldKeepAlive`
 * at that moment, whatever way the application writes its head.
 * @returns false if the head was written already and has promised to keep the connection.
 */
export function sayClose(response: ServerResponse): boolean {
  if (response.headersSent) return !response.shouldKeepAlive
  let keepAlive = response.shouldKeepAlive
  Object.defineProperty(response, 'shouldKeepAlive', {
    configurable: true,
    enumerable: true,
    get: () => keepAlive && !isLast(response),
    set: (value: boolean) => {
      keepAlive = value
    },
  })
  return true
}

/** Whether no request has been read on this connection after the one that this response answers. */
export function isLast(response: ServerResponse): boolean {
  const socket = response.req.socket as HttpSocket
  // A paused socket has more in the kernel: Node stops reading from a client that pipelines faster than it is answered.
  if (socket._paused === true) return false
  const newest = socket.parser?.incoming
  return newest === undefined || newest === null || newest === response.req
}
