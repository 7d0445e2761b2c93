import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import type { Attempts } from '../errors/attempts.ts'
import type { Release, System } from '../system/system.ts'
import type { Http1Drain } from './http1-drain.ts'
import type { ServerDrainOptions } from './server-drain-options.ts'

/**
 * Keeps the idle connections of a draining server for requests that are on their way, and ends them after
 * their time.
 */
export class Linger {
  /** Whether connections were accepted since the drain began: their first requests are on their way. */
  acceptedMore = false
  readonly #connections: Connections
  readonly #system: System
  readonly #http1: Http1Drain
  readonly #attempts: Attempts
  readonly #options: ServerDrainOptions
  readonly #releases: Release[] = []
  #begun = false
  #announced = false

  constructor(
    connections: Connections,
    system: System,
    http1: Http1Drain,
    attempts: Attempts,
    options: ServerDrainOptions,
  ) {
    this.#connections = connections
    this.#system = system
    this.#http1 = http1
    this.#attempts = attempts
    this.#options = options
  }

  /** The most milliseconds that a connection is kept. */
  get timeout(): number {
    const { lingerTimeout, firstRequestTimeout } = this.#options
    return this.acceptedMore ? Math.max(lingerTimeout, firstRequestTimeout) : lingerTimeout
  }

  /** Starts the time. Calling it again does nothing. */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#endInTime()
  }

  /** HTTP/1 connections are announced only now: starts their time, if it has started for the others. */
  announce(): void {
    this.#announced = true
    if (this.#begun) this.#endInTime()
  }

  /** Starts the time of these connections. */
  keep(sockets: readonly Socket[]): void {
    const { lingerTimeout, firstRequestTimeout } = this.#options
    const unused = this.#connections.unused()
    const used = sockets.filter((socket) => !unused.has(socket))
    const others = sockets.filter((socket) => unused.has(socket))
    this.after(lingerTimeout, () => this.#http1.endQuiet(used))
    this.after(Math.min(lingerTimeout, firstRequestTimeout), () => this.#http1.endQuiet(others))
  }

  /** Runs an action after this many milliseconds, unless the drain is over by then. */
  after(milliseconds: number, act: () => void): void {
    const guarded = this.#attempts.guard('ending connections', act)
    this.#releases.push(this.#system.setTimeout(guarded, milliseconds))
  }

  dispose(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  #endInTime(): void {
    const { timeout } = this
    this.after(Math.min(timeout, this.#options.firstRequestTimeout), () => {
      if (this.#announced) this.#http1.endUnused()
    })
    this.after(timeout, () => {
      if (this.#announced) {
        this.#http1.endIdle()
        // Connections whose TLS handshake completed only after the time for a first request.
        this.#http1.endUnused()
      }
      this.#http1.endHandshakes()
    })
  }
}
