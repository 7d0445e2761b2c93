import type { WebSocket } from './internals.ts'

/** Packets of engine.io and socket.io, as they begin on the wire: OPEN, MESSAGE with CONNECT, MESSAGE with CONNECT_ERROR. */
const open = /^0\{/
const connect = /^40(?:\/[^,]*,)?\{/
const connectError = /^44/

/**
 * Swallows what a server says to a client that connects: this one has been connected for long. Nothing is read from the
 * client until then, because a packet for a namespace that is not connected yet would end the connection.
 * @param namespaces how many it connects to
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
    // The new version does not let the client in: it hears so.
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
