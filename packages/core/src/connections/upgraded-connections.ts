import type { Socket } from 'node:net'
import type { Upgraded } from './upgrades.ts'

/**
 * The connections of a server that left HTTP. A WebSocket of `ws` lives for hours and is looked at when the server drains:
 * until somebody asks for it, only a string is kept of it.
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

  /** Always the same object for the same socket, once it was asked for. */
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

  /** Keeps what can be kept of a WebSocket in a string, if nobody has the object. */
  shrink(upgraded: Upgraded): void {
    const kept = upgraded.isShared ? undefined : upgraded.toKept()
    if (kept !== undefined && this.#kept.get(upgraded.socket) === upgraded)
      this.#kept.set(upgraded.socket, kept)
  }

  delete(socket: Socket): boolean {
    return this.#kept.delete(socket)
  }
}
