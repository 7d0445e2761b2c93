import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import type { Upgraded } from '../connections/upgrades.ts'
import type { Release, System } from '../system/system.ts'

/** RFC 6455, section 7.4.1; 1012 is registered with IANA as "Service Restart". */
export type CloseCode = 1001 | 1012

/** FIN and opcode 8, as a client's close frame begins. */
const closeFrame = 0x88

/**
 * Tells WebSockets that the server goes away. A close frame is written on the socket itself, so it works with `ws` and
 * with any other implementation without knowing its objects: a server's frames are not masked, each is written whole,
 * and a control frame may come between any two. The application's implementation sees the client's answer and closes.
 */
export class UpgradedDrain {
  /** How many were sent a close frame. */
  told = 0
  readonly #connections: Connections
  readonly #system: System
  readonly #code: CloseCode
  readonly #seen = new Set<Socket>()
  readonly #releases: Release[] = []

  constructor(connections: Connections, system: System, code: CloseCode) {
    this.#connections = connections
    this.#system = system
    this.#code = code
  }

  /** Tells all, evenly spread over `spread` milliseconds so that they do not come back in one wave; later ones at once. */
  start(spread: number): void {
    const sockets = [...this.#connections.upgraded.values()]
    for (const [index, upgraded] of sockets.entries()) {
      this.#seen.add(upgraded.socket)
      const delay = (spread * index) / sockets.length
      if (delay === 0) this.#tell(upgraded)
      else this.#releases.push(this.#system.setTimeout(() => this.#tell(upgraded), delay))
    }
    this.#releases.push(this.#connections.onChange(() => this.#onChange()))
  }

  dispose(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  #onChange(): void {
    for (const upgraded of this.#connections.upgraded.values()) {
      if (this.#seen.has(upgraded.socket)) continue
      this.#seen.add(upgraded.socket)
      // After the application has accepted it: the answer to the upgrade comes first.
      this.#releases.push(this.#system.setImmediate(() => this.#tell(upgraded)))
    }
  }

  #tell({ socket, protocol }: Upgraded): void {
    if (protocol !== 'websocket' || !socket.writable) return
    this.told++
    socket.write(Buffer.from([closeFrame, 2, this.#code >> 8, this.#code & 0xff]))
    // An implementation that answers the client's close frame ends the connection by itself. For one that does not,
    // ending is on us: a WebSocket client waits for the server to do it.
    socket.on('data', (chunk: Buffer) => {
      if (chunk[0] === closeFrame) this.#system.setImmediate(() => socket.end())
    })
  }
}
