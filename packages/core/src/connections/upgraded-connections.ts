import type { Socket } from 'node:net'
import type { Upgraded } from './upgrades.ts'

/**
 * The upgraded connections of a server. A WebSocket of `ws` lives for hours and only matters when the server
 * drains: until code asks for it, only a string is stored for it.
 */
export class UpgradedConnections {
  readonly #kept = new Map<Socket, Upgraded | string>()
  readonly #revive: (socket: Socket, kept: string) => Upgraded

  constructor(revive: (socket: Socket, kept: string) => Upgraded) {
    this.#revive = revive
  }

  get size(): number {
    return this.#kept.size
  }

  has(socket: Socket): boolean {
    return this.#kept.has(socket)
  }

  /** Returns the same object for the same socket each time. */
  get(socket: Socket): Upgraded | undefined {
    const kept = this.#kept.get(socket)
    if (kept === undefined) return undefined
    const upgraded = typeof kept === 'string' ? this.#revive(socket, kept) : kept
    upgraded.isShared = true
    this.#kept.set(socket, upgraded)
    return upgraded
  }

  keys(): MapIterator<Socket> {
    return this.#kept.keys()
  }

  *values(): Generator<Upgraded> {
    for (const socket of this.#kept.keys()) yield this.get(socket) as Upgraded
  }

  add(upgraded: Upgraded): void {
    this.#kept.set(upgraded.socket, upgraded)
  }

  /** Stores a WebSocket as a string if possible, unless code holds the object. */
  shrink(upgraded: Upgraded): void {
    const kept = upgraded.isShared ? undefined : upgraded.toKept()
    if (kept !== undefined && this.#kept.get(upgraded.socket) === upgraded)
      this.#kept.set(upgraded.socket, kept)
  }

  delete(socket: Socket): boolean {
    return this.#kept.delete(socket)
  }
}
