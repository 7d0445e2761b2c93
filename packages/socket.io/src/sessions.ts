import type { EngineSocket, Internals, Namespace, NamespaceSocket, WebSocket } from './internals.ts'

/** Maps each WebSocket to its client's session, and each session to its sockets in the namespaces. */
export class Sessions {
  readonly #engineSockets = new WeakMap<WebSocket, EngineSocket>()
  readonly #sockets = new WeakMap<EngineSocket, Set<NamespaceSocket>>()

  /** @param onNamespace called for each namespace, including namespaces created later */
  constructor({ engine, _nsps: namespaces }: Internals, onNamespace: (namespace: Namespace) => void) {
    engine.on('connection', (socket: EngineSocket) => {
      const note = (): void => {
        const { socket: webSocket } = socket.transport
        if (socket.transport.name === 'websocket' && webSocket !== undefined)
          this.#engineSockets.set(webSocket, socket)
      }
      note()
      // A client that began with polling upgrades to a WebSocket.
      socket.on('upgrade', () => note())
    })
    const watch = (namespace: Namespace): void => {
      namespace.on('connection', (socket: NamespaceSocket) => this.#add(socket))
      onNamespace(namespace)
    }
    for (const namespace of namespaces.values()) watch(namespace)
    namespaces.get('/')?.on('new_namespace', watch)
  }

  /** Undefined while a client that polls is still probing the WebSocket. */
  engineSocketOf(webSocket: WebSocket): EngineSocket | undefined {
    return this.#engineSockets.get(webSocket)
  }

  socketsOf(engineSocket: EngineSocket): readonly NamespaceSocket[] {
    return [...(this.#sockets.get(engineSocket) ?? [])]
  }

  /** Whether the client has no pending work that exists only in this process. */
  isAtRest(webSocket: WebSocket): boolean {
    const engineSocket = this.#engineSockets.get(webSocket)
    if (engineSocket === undefined) return false
    const sockets = this.socketsOf(engineSocket)
    return (
      engineSocket.readyState === 'open' &&
      !engineSocket.upgrading &&
      engineSocket.writeBuffer.length === 0 &&
      engineSocket.transport.writable &&
      sockets.length > 0 &&
      // The callback of a pending acknowledgement cannot move to another process.
      sockets.every(({ acks, client }) => acks.size === 0 && !client.decoder?.reconstructor)
    )
  }

  #add(socket: NamespaceSocket): void {
    const sockets = this.#sockets.get(socket.conn) ?? new Set()
    this.#sockets.set(socket.conn, sockets)
    sockets.add(socket)
    socket.on('disconnect', () => sockets.delete(socket))
  }
}
