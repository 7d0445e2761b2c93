import type { IncomingMessage } from 'node:http'
import type {
  Adapter,
  EngineSocket,
  Internals,
  Namespace,
  Session,
  WebSocket,
  WebSocketServer,
} from './internals.ts'
import { mute } from './mute.ts'

/** The state that moves from one process to the next for each client. */
export interface MovedState {
  readonly version: 1
  /** The id of the client's engine.io session. */
  readonly sid: string
  readonly sockets: readonly {
    readonly namespace: string
    readonly auth: Record<string, unknown>
    readonly session: Session
  }[]
}

/**
 * Creates sessions for the predecessor's clients. engine.io handles the original upgrade again, with the old
 * id; the client's CONNECT packets are repeated, and the adapter restores the sessions that they name. The
 * server's responses to these are not sent, because the client already got them.
 */
export class Arrivals {
  readonly #states = new WeakMap<IncomingMessage, MovedState>()
  readonly #arriving = new WeakMap<WebSocket, MovedState>()
  readonly #sessions = new Map<string, Session>()
  readonly #namespaces: Namespace[] = []
  readonly #patched = new WeakSet<Adapter>()

  /** @param restored returns the state that was saved for a request */
  constructor({ engine }: Internals, restored: (request: IncomingMessage) => unknown) {
    const generateId = engine.generateId.bind(engine)
    const handleUpgrade = engine.handleUpgrade.bind(engine)
    engine.handleUpgrade = (request, ...rest) => {
      const state = restored(request)
      if (isMoved(state)) {
        this.#states.set(request, state)
        request.url = withoutSession(request.url ?? '/')
      }
      handleUpgrade(request, ...rest)
    }
    engine.generateId = (request) => this.#states.get(request)?.sid ?? generateId(request)
    engine.on('connection', ({ transport }: EngineSocket) => {
      const webSocket = transport.socket
      const state = webSocket && this.#arriving.get(webSocket)
      if (webSocket !== undefined && state !== undefined) this.#connect(webSocket, state)
    })
  }

  addServer(server: WebSocketServer): void {
    const accept = server.handleUpgrade.bind(server)
    server.handleUpgrade = (request, socket, head, callback) => {
      const onAccepted = (webSocket: WebSocket): void => {
        const state = this.#states.get(request)
        if (state !== undefined) {
          this.#arriving.set(webSocket, state)
          mute(webSocket, state.sockets.length)
        }
        callback(webSocket)
      }
      accept(request, socket, head, onAccepted)
    }
  }

  addNamespace(namespace: Namespace): void {
    this.#namespaces.push(namespace)
    this.#patch(namespace.adapter)
  }

  /** Repeats the CONNECT packets of the client for its namespaces. */
  #connect(webSocket: WebSocket, { sockets }: MovedState): void {
    // The application may have replaced an adapter.
    for (const { adapter } of this.#namespaces) this.#patch(adapter)
    for (const { namespace, auth, session } of sockets) {
      this.#sessions.set(session.pid, session)
      const payload = JSON.stringify({ ...auth, pid: session.pid, offset: '' })
      const packet = `40${namespace === '/' ? '' : `${namespace},`}${payload}`
      webSocket.emit('message', Buffer.from(packet), false)
    }
  }

  #patch(adapter: Adapter): void {
    if (this.#patched.has(adapter)) return
    this.#patched.add(adapter)
    const own = adapter.restoreSession.bind(adapter)
    adapter.restoreSession = async (pid, offset) => {
      const session = this.#sessions.get(pid)
      if (session === undefined) return own(pid, offset)
      this.#sessions.delete(pid)
      return session
    }
  }
}

function isMoved(state: unknown): state is MovedState {
  const { version, sid, sockets } = (state ?? {}) as Partial<MovedState>
  return version === 1 && typeof sid === 'string' && Array.isArray(sockets)
}

/** Removes the session id, which a client that began with polling put into the URL of its upgrade. */
function withoutSession(url: string): string {
  const [path = '/', query = ''] = url.split('?', 2)
  const rest = query.split('&').filter((part) => !part.startsWith('sid='))
  return `${path}?${rest.join('&')}`
}
