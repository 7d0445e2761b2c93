import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import type { Upgraded } from '../connections/upgrades.ts'
import { webSocketOn } from '../connections/web-socket.ts'
import type { Attempts } from '../errors/attempts.ts'
import type { Release, System } from '../system/system.ts'

/** RFC 6455, section 7.4.1; 1012 is registered with IANA as "Service Restart". */
export type CloseCode = 1001 | 1012

/** FIN and opcode 8, as a client's close frame begins. */
const closeFrame = 0x88

/** The longest payload of a control frame. */
const longestControl = 125

/**
 * How often to check whether the application has accepted a WebSocket, in milliseconds: it may query a
 * database first.
 */
const acceptInterval = 25

/**
 * Sends WebSockets a close frame. A WebSocket of `ws` sends it itself, after messages that it is still
 * compressing. For any other implementation, and for a proxy, the frame is written to the stream: a server's
 * frames are not masked, and a control frame may come between any two frames. It is written only where a
 * frame has just ended, which `WrittenFrames` knows; in the middle of a frame it would become part of a
 * message.
 */
export class UpgradedDrain {
  /** How many were sent a close frame. */
  told = 0
  readonly #connections: Connections
  readonly #system: System
  readonly #code: CloseCode
  readonly #tell: (upgraded: Upgraded) => void
  readonly #seen = new Set<Socket>()
  /** WebSockets that have not got their close frame yet, each with a function that cancels it. */
  readonly #waiting = new Map<Socket, Release>()
  /** WebSockets that may move to a successor and get no close frame until then. */
  readonly #leaving = new Set<Socket>()
  readonly #leaves: (upgraded: Upgraded) => boolean
  #spread = 0
  #stayed = 0
  #release: Release = () => {}

  /** @param leaves whether a connection may move to a successor: it gets no close frame before `stays()` */
  constructor(
    connections: Connections,
    system: System,
    { code, attempts }: { readonly code: CloseCode; readonly attempts: Attempts },
    leaves: (upgraded: Upgraded) => boolean = () => false,
  ) {
    this.#leaves = leaves
    this.#connections = connections
    this.#system = system
    this.#code = code
    this.#tell = attempts.guard('closing a WebSocket', (upgraded) => this.#close(upgraded))
  }

  /** Whether close frames are still to be sent. */
  get waiting(): boolean {
    return this.#waiting.size > 0 || this.#leaving.size > 0
  }

  /**
   * Sends the close frames, spread evenly over `spread` milliseconds so that clients do not all reconnect at
   * once. WebSockets opened later get theirs at once.
   */
  start(spread: number): void {
    this.#spread = spread
    const sockets = [...this.#connections.upgraded.values()].filter((upgraded) => !this.#holds(upgraded))
    for (const [index, upgraded] of sockets.entries()) {
      const delay = (spread * index) / sockets.length
      if (delay === 0) this.#tell(upgraded)
      else this.#tellLater(upgraded, delay)
    }
    this.#release = this.#connections.onChange(() => this.#onChange())
  }

  /** A connection does not move after all: it gets its close frame at some moment within the spread. */
  stays(socket: Socket): void {
    const upgraded = this.#connections.upgraded.get(socket)
    if (!this.#leaving.delete(socket) || upgraded === undefined) return
    // Each multiple of the golden ratio falls into the widest gap that the earlier ones have left.
    this.#tellLater(upgraded, this.#spread * ((this.#stayed++ * 0.618_034) % 1))
  }

  /** No WebSocket moves anymore. */
  allStay(): void {
    for (const socket of this.#leaving) this.stays(socket)
  }

  /** Sends the close frames of WebSockets that were to move at once. */
  force(spared: ReadonlySet<Socket>): void {
    for (const socket of this.#leaving) {
      if (spared.has(socket)) continue
      const upgraded = this.#connections.upgraded.get(socket)
      if (upgraded !== undefined) this.#tell(upgraded)
    }
    this.#leaving.clear()
  }

  dispose(): void {
    this.#release()
    this.#leaving.clear()
    for (const release of this.#waiting.values()) release()
    this.#waiting.clear()
  }

  #holds(upgraded: Upgraded): boolean {
    this.#seen.add(upgraded.socket)
    if (!this.#leaves(upgraded)) return false
    this.#leaving.add(upgraded.socket)
    return true
  }

  #onChange(): void {
    const { upgraded } = this.#connections
    for (const socket of this.#leaving) if (!upgraded.has(socket)) this.#leaving.delete(socket)
    for (const [socket, release] of this.#waiting) {
      if (upgraded.has(socket)) continue
      release()
      this.#waiting.delete(socket)
    }
    for (const each of upgraded.values()) {
      if (this.#seen.has(each.socket) || this.#holds(each)) continue
      // Not now: the client has just requested the upgrade.
      this.#tellLater(each, 0)
    }
  }

  #tellLater(upgraded: Upgraded, delay: number): void {
    if (upgraded.protocol !== 'websocket') return
    const release = this.#system.setTimeout(() => {
      this.#waiting.delete(upgraded.socket)
      this.#tell(upgraded)
    }, delay)
    this.#waiting.set(upgraded.socket, release)
  }

  #close(upgraded: Upgraded): void {
    const { socket, stream, frames, protocol } = upgraded
    if (protocol !== 'websocket' || !socket.writable) return
    const webSocket = webSocketOn(stream)
    if (webSocket !== undefined) {
      this.told++
      webSocket.close(this.#code)
      return
    }
    if (frames === undefined) return
    const { position } = frames
    // A close frame before the response to the upgrade would not be valid HTTP.
    if (position === 'unanswered') this.#tellLater(upgraded, acceptInterval)
    else if (position === 'within') frames.onBetween(() => this.#tell(upgraded))
    else if (position === 'between') this.#writeClose(upgraded)
    // Otherwise it is closing already, or it is unknown where a frame may be written: the deadline ends it.
  }

  #writeClose({ socket, stream }: Upgraded): void {
    this.told++
    stream.write(Buffer.from([closeFrame, 2, this.#code >> 8, this.#code & 0xff]))
    // An implementation that answers the client's close frame ends the connection by itself. Otherwise
    // zerodrop has to: a WebSocket client waits for the server to end it.
    socket.on('data', (chunk: Buffer) => {
      if (endsWithClose(chunk, this.#code)) this.#system.setImmediate(() => stream.end())
    })
  }
}

/**
 * Whether the bytes that a client has sent end with its answer to a close frame: a frame with the same code,
 * or with none. It is unknown where a client's frame begins, except that most chunks begin with one: other
 * bytes look like such an answer about once in thirty million chunks.
 */
function endsWithClose(chunk: Buffer, code: CloseCode): boolean {
  for (let length = 0; length <= longestControl; length++) {
    const start = chunk.length - length - 6
    if (start < 0) return false
    if (chunk[start] !== closeFrame || chunk[start + 1] !== (0x80 | length)) continue
    if (length === 0 && start === 0) return true
    const [high = 0, low = 0] = [0, 1].map(
      (at) => (chunk[start + 6 + at] ?? 0) ^ (chunk[start + 2 + at] ?? 0),
    )
    if (length >= 2 && high * 256 + low === code) return true
  }
  return false
}
