import { WebSocket } from 'ws'
import { originOf } from '../server/running.ts'
import type { Address } from '../server/running.ts'

const HANDSHAKE = 5000

/** Rejects if the server does not upgrade the connection. */
export function openWebSocket(address: Address, path: string): Promise<WebSocket> {
  const socket = new WebSocket(originOf(address).replace(/^http/, 'ws') + path, {
    handshakeTimeout: HANDSHAKE,
    rejectUnauthorized: false,
    perMessageDeflate: false,
  })
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.off('error', reject)
      // 'close' follows, also after a reset.
      socket.on('error', () => {})
      resolve(socket)
    })
    socket.once('error', reject)
  })
}
