import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Release } from '../system/system.ts'
import { type KeptText, KeptTexts } from './kept-texts.ts'
import { onEvent } from './on-event.ts'
import { requestHead } from './request-head.ts'
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
  /**
   * What had been written on the connection by then: more means that the application has answered the upgrade. Undefined
   * if the connection is a Duplex that does not count.
   */
  readonly bytesWritten: number | undefined
  readonly #bytes: Buffer
  readonly #start: number
  readonly #end: number

  constructor(request: IncomingMessage, stream: Duplex, protocol: string, head: KeptText, at: number) {
    const { socket } = request
    this.socket = socket
    this.stream = stream
    this.protocol = protocol
    this.at = at
    this.bytesWritten = (socket as Partial<Socket>).bytesWritten
    this.#bytes = head.bytes
    this.#start = head.start
    this.#end = head.end
    if (protocol === 'websocket') this.#follow()
  }

  /** `ws` needs nobody who follows it, and is there as soon as the upgrade is answered. */
  #follow(): void {
    this.frames = new WrittenFrames(this.stream, () => {
      const isNeeded = webSocketOn(this.stream) === undefined
      if (!isNeeded) this.frames = undefined
      return isNeeded
    })
  }

  /** The head of the request by which it left, as it came. */
  get head(): string {
    return this.#bytes.toString('latin1', this.#start, this.#end)
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
export function noteUpgrades(server: Server, now: () => number, note: (upgraded: Upgraded) => void): Release {
  const releases: Release[] = []
  const heads = new KeptTexts()
  for (const event of leaving) {
    const onLeave = (request: IncomingMessage, stream: Duplex): void => {
      const protocol = event === 'connect' ? event : protocolOf(request)
      // Now: what handles the upgrade may change the request, as express-ws does with its URL.
      note(new Upgraded(request, stream, protocol, heads.keep(requestHead(request)), now()))
    }
    const others = (): number =>
      server.listenerCount(event) - server.listeners(event).filter((each) => each === onLeave).length
    const listen = (): void => {
      if (server.listeners(event).includes(onLeave)) return
      // First, since the application may end the socket at once.
      server.prependListener(event, onLeave)
    }
    releases.push(
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
  return () => {
    for (const release of releases) release()
  }
}

/** One and the same string for all WebSockets: what `toLowerCase()` makes lives as long as the connection. */
function protocolOf({ headers: { upgrade = '' } }: IncomingMessage): string {
  const protocol = upgrade.toLowerCase()
  return protocol === 'websocket' ? 'websocket' : protocol
}
