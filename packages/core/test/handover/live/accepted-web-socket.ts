import type { IncomingMessage } from 'node:http'
import type { WebSocket, WebSocketServer } from 'ws'
import type { Upgraded } from '../../../src/connections/upgrades.ts'
import { type Movable, movable } from '../movable-socket.ts'

export interface Accepted extends Movable {
  readonly webSocket: WebSocket
  readonly upgraded: Upgraded
  /** The messages that the application has received. */
  readonly messages: string[]
}

export const requestHead = 'GET /chat?room=7 HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\n\r\n'

/** A WebSocket that a `ws` server has accepted, on an in-memory connection. */
export function accept(server: WebSocketServer, extensions?: string): Accepted {
  const connection = movable()
  const headers = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    'sec-websocket-version': '13',
    ...(extensions !== undefined && { 'sec-websocket-extensions': extensions }),
  }
  const request = { method: 'GET', url: '/chat?room=7', headers } as unknown as IncomingMessage
  let accepted: WebSocket | undefined
  server.handleUpgrade(request, connection.socket, Buffer.alloc(0), (webSocket) => {
    accepted = webSocket
  })
  if (accepted === undefined) throw new Error('the upgrade was refused')
  const messages: string[] = []
  accepted.on('error', () => {})
  accepted.on('message', (data: Buffer) => messages.push(data.toString()))
  connection.take()
  return { ...connection, webSocket: accepted, messages, upgraded: upgrade(connection) }
}

/** The record of a connection that has become a WebSocket. */
export function upgrade({ socket }: Movable, frames?: { position: string }): Upgraded {
  return { socket, stream: socket, protocol: 'websocket', head: requestHead, frames } as unknown as Upgraded
}

/** A frame as a client sends it. */
export function masked(opcode: number, text: string): Buffer {
  const mask = Buffer.from([1, 2, 3, 4])
  const payload = Buffer.from(text)
  return Buffer.concat([
    Buffer.from([0x80 | opcode, 0x80 | payload.length]),
    mask,
    payload.map((byte, index) => byte ^ mask[index % 4]!),
  ])
}
