import type { WebSocket } from './internals.ts'

/** How packets of engine.io and socket.io begin: OPEN, MESSAGE with CONNECT, MESSAGE with CONNECT_ERROR. */
const open = /^0\{/
const connect = /^40(?:\/[^,]*,)?\{/
const connectError = /^44/

/**
 * Swallows the packets that welcome a new client, because this client is already connected. Reads nothing from the client
 * until all its namespaces are connected, because a packet for an unconnected namespace would end the connection.
 * @param namespaces how many namespaces the client connects to
 */
export function mute(webSocket: WebSocket, namespaces: number): void {
  let isOpen = false
  let missing = namespaces
  const swallows = (data: unknown): boolean => {
    const text = String(data)
    if (!isOpen && open.test(text)) {
      isOpen = true
      return true
    }
    if (connect.test(text)) {
      missing--
      return true
    }
    // The new version rejects the client. The packet is sent, so that the client learns of it.
    if (connectError.test(text)) missing--
    return false
  }
  const send = webSocket.send.bind(webSocket)
  webSocket.pause()
  webSocket.send = (data, ...rest) => {
    if (swallows(data)) {
      const sent = rest.find((each) => typeof each === 'function') as ((error?: Error) => void) | undefined
      if (sent !== undefined) process.nextTick(sent)
    } else send(data, ...rest)
    if (!isOpen || missing > 0) return
    webSocket.send = send
    setImmediate(() => webSocket.resume())
  }
}
