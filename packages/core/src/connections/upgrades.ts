import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Release } from '../system/system.ts'
import { KeptHeads } from './kept-heads.ts'
import { onEvent } from './on-event.ts'
import { UpgradedConnections } from './upgraded-connections.ts'
import { webSocketOn } from './web-socket.ts'
import { WrittenFrames } from './written-frames.ts'

/** A connection that left HTTP. Of its request only the head is kept: the rest would live as long as the connection. */
export class Upgraded {
  readonly socket: Socket
  /**
   * What the application was given: the socket, or from Node 26 on a Duplex around it while the body of the request is
   * outstanding.
   */
  readonly stream: Duplex
  /** What it speaks now, in lower case: `websocket`, or whatever the `Upgrade` header asked for; `connect` for a tunnel. */
  readonly protocol: string
  /** When that was: whole milliseconds of the system's clock. */
  readonly at: number
  /** What is written on a WebSocket, frame by frame; undefined for other protocols, and where `ws` writes it. */
  frames: WrittenFrames | undefined
  /** Whether somebody has asked for this object, and may know it by its identity. */
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

  /** What `toKept()` returned, again as an object. */
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

  /** All that there is to know of a WebSocket on its own socket whose frames nobody follows; undefined for any other. */
  toKept(): string | undefined {
    if (this.stream !== this.socket || this.protocol !== 'websocket' || this.frames !== undefined)
      return undefined
    return Buffer.from(`${this.at.toString(36)} ${this.#head}`, 'latin1').toString('latin1')
  }

  /** The head of the request by which it left, as it came. */
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
 * Sees every connection of a server that leaves HTTP. Node lets go of such a socket altogether, and whether a server
 * upgrades at all depends on whether anyone listens: so this listens only as long as somebody else does.
 */
export class Upgrades {
  /** Those that are open. */
  readonly open: UpgradedConnections
  readonly #heads = new KeptHeads()
  readonly #releases: Release[] = []

  /** @param server undefined for one that does not speak HTTP/1 */
  constructor(server: Server | undefined, now: () => number, onLeft: (socket: Socket) => void) {
    this.open = new UpgradedConnections((socket, kept) => Upgraded.revive(socket, kept, this.#heads))
    if (server === undefined) return
    for (const event of leaving) {
      const onLeave = (request: IncomingMessage, stream: Duplex): void => {
        const { socket } = request
        const protocol = event === 'connect' ? event : protocolOf(request)
        // Now: what handles the upgrade may change the request, as express-ws does with its URL.
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

  /** `ws` needs nobody who follows it, and is there as soon as the upgrade is answered. */
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
      // First, since the application may end the socket at once.
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

/** One and the same string for all WebSockets: what `toLowerCase()` makes lives as long as the connection. */
function protocolOf({ headers: { upgrade = '' } }: IncomingMessage): string {
  const protocol = upgrade.toLowerCase()
  return protocol === 'websocket' ? 'websocket' : protocol
}
