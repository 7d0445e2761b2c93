import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Release } from '../system/system.ts'
import { KeptHeads } from './kept-heads.ts'
import { onEvent } from './on-event.ts'
import { UpgradedConnections } from './upgraded-connections.ts'
import { webSocketOn } from './web-socket.ts'
import { WrittenFrames } from './written-frames.ts'

/**
 * An upgraded connection. Only the head of its request is stored: the rest would live as long as the
 * connection.
 */
export class Upgraded {
  readonly socket: Socket
  /**
   * The stream that the application got: the socket, or, since Node 26, a Duplex around it while the body of
   * the request is outstanding.
   */
  readonly stream: Duplex
  /**
   * Its current protocol, in lower case: `websocket`, or another value of the `Upgrade` header; `connect`
   * for a tunnel.
   */
  readonly protocol: string
  /** When it was upgraded, in whole milliseconds of the system's clock. */
  readonly at: number
  /** Follows the frames written to a WebSocket; undefined for other protocols, and if `ws` writes them. */
  frames: WrittenFrames | undefined
  /** Whether other code holds this object and may rely on its identity. */
  isShared = false
  readonly #heads: KeptHeads
  readonly #head: string

  /** @param head as `heads` has packed it */
  constructor(socket: Socket, stream: Duplex, protocol: string, at: number, heads: KeptHeads, head: string) {
    this.socket = socket
    this.stream = stream
    this.protocol = protocol
    this.at = at
    this.#heads = heads
    this.#head = head
  }

  /** Restores an object from the result of `toKept()`. */
  static revive(socket: Socket, kept: string, heads: KeptHeads): Upgraded {
    const end = kept.indexOf(' ')
    return new Upgraded(
      socket,
      socket,
      'websocket',
      Number.parseInt(kept.slice(0, end), 36),
      heads,
      kept.slice(end + 1),
    )
  }

  /**
   * The whole state of a WebSocket on its own socket whose frames are not followed; undefined for any other
   * connection.
   */
  toKept(): string | undefined {
    if (this.stream !== this.socket || this.protocol !== 'websocket' || this.frames !== undefined)
      return undefined
    return Buffer.from(`${this.at.toString(36)} ${this.#head}`, 'latin1').toString('latin1')
  }

  /** The head of the upgrade request, as it arrived. */
  get head(): string {
    return this.#heads.unpack(this.#head)
  }
}

const leaving = ['upgrade', 'connect'] as const

/** The method and the URL of the request in a head. */
export function targetOf({ head }: Upgraded): { readonly method: string; readonly url: string } {
  const [method = '', url = ''] = head.split(' ', 2)
  return { method, url }
}

/**
 * Sees every connection of a server that is upgraded. Node lets go of such a socket completely. Node
 * upgrades only if the event has a listener, so this listens only as long as other code does.
 */
export class Upgrades {
  /** The open connections. */
  readonly open: UpgradedConnections
  readonly #heads = new KeptHeads()
  readonly #releases: Release[] = []

  /** @param server undefined for a server that does not speak HTTP/1 */
  constructor(server: Server | undefined, now: () => number, onLeft: (socket: Socket) => void) {
    this.open = new UpgradedConnections((socket, kept) => Upgraded.revive(socket, kept, this.#heads))
    if (server === undefined) return
    for (const event of leaving) {
      const onLeave = (request: IncomingMessage, stream: Duplex): void => {
        const { socket } = request
        const protocol = event === 'connect' ? event : protocolOf(request)
        // Now, because the handler of the upgrade may change the request, as express-ws does with its URL.
        const head = this.#heads.pack(request)
        const upgraded = new Upgraded(socket, stream, protocol, now(), this.#heads, head)
        if (protocol === 'websocket') this.#follow(upgraded)
        this.open.add(upgraded)
        onLeft(socket)
      }
      this.#listen(server, event, onLeave)
    }
  }

  dispose(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  /** A WebSocket of `ws` need not be followed, and exists as soon as the upgrade is answered. */
  #follow(upgraded: Upgraded): void {
    const { stream } = upgraded
    upgraded.frames = new WrittenFrames(stream, () => {
      const isNeeded = webSocketOn(stream) === undefined
      if (isNeeded) return true
      upgraded.frames = undefined
      this.open.shrink(upgraded)
      return false
    })
  }

  #listen(server: Server, event: string, onLeave: (request: IncomingMessage, stream: Duplex) => void): void {
    const others = (): number =>
      server.listenerCount(event) - server.listeners(event).filter((each) => each === onLeave).length
    const listen = (): void => {
      if (server.listeners(event).includes(onLeave)) return
      // First, because the application may end the socket at once.
      server.prependListener(event, onLeave)
    }
    this.#releases.push(
      onEvent(server, 'newListener', (name: string | symbol, listener: unknown) => {
        if (name === event && listener !== onLeave) listen()
      }),
      onEvent(server, 'removeListener', (name: string | symbol) => {
        if (name === event && others() === 0) server.off(event, onLeave)
      }),
      () => server.off(event, onLeave),
    )
    if (others() > 0) listen()
  }
}

/** All WebSockets share one string: the result of `toLowerCase()` would live as long as the connection. */
function protocolOf({ headers: { upgrade = '' } }: IncomingMessage): string {
  const protocol = upgrade.toLowerCase()
  return protocol === 'websocket' ? 'websocket' : protocol
}
