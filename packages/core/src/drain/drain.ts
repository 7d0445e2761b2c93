import { Server } from 'node:net'
import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { currentResponse, hasUnflushed } from '../connections/exchange.ts'
import type { Release, System } from '../system/system.ts'
import { acceptQueued } from './accept-queued.ts'
import { isClosing } from './close-gently.ts'
import { Http1Drain } from './http1-drain.ts'

export interface DrainOptions {
  /** Milliseconds until what is left is cut. 0 cuts at once, Infinity waits for ever. */
  readonly drainTimeout: number
  /** The most milliseconds that an idle connection is kept for a request that may be on its way. */
  readonly lingerTimeout: number
  /** Milliseconds that a connection on which nothing ever came is kept for its first request. */
  readonly firstRequestTimeout: number
}

/** A connection that was cut at the deadline, and what it was doing. */
export interface CutConnection {
  /** `responding`: the request was being answered. `open`: no request of HTTP/1 was under way that zerodrop knows of. */
  readonly state: 'responding' | 'open'
  readonly method?: string
  readonly url?: string
  readonly remoteAddress?: string
  readonly remotePort?: number
}

export interface DrainResult {
  /** From the first step to the last connection's end. */
  readonly milliseconds: number
  /** What the deadline, or a second signal, ended before its time. */
  readonly cut: readonly CutConnection[]
}

/** Ends servers: stop accepting, finish, linger, and at the deadline cut. It happens once. */
export class Drain {
  readonly #system: System
  readonly #connections: readonly Connections[]
  readonly #options: DrainOptions
  readonly #http = new Map<Connections, Http1Drain>()
  readonly #timers: Release[] = []
  #hammer: () => void = () => {}
  readonly #hammered: Promise<'hammered'>

  constructor(system: System, connections: readonly Connections[], options: DrainOptions) {
    this.#system = system
    this.#connections = connections
    this.#options = options
    this.#hammered = new Promise((resolve) => {
      this.#hammer = () => resolve('hammered')
    })
  }

  /**
   * Drains all servers under one deadline.
   * @param migrates connections that leave for a successor: neither told to close nor ended while idle.
   * @param successor whether someone else goes on accepting, so that nothing in the accept queue is lost.
   */
  async run(successor: boolean, migrates: (connections: Connections) => boolean): Promise<DrainResult> {
    const begun = this.#system.now()
    this.#timers.push(this.#system.setTimeout(this.#hammer, this.#options.drainTimeout))
    for (const connections of this.#connections) if (!migrates(connections)) this.#announce(connections)
    if (!successor) await Promise.all(this.#connections.map((each) => acceptQueued(each, this.#system)))
    // Not the method of http.Server: from Node 26.4 on that destroys what was accepted but has not been read yet
    // (https://github.com/nodejs/node/pull/63470), and it resets requests that are on their way at any version.
    for (const { server } of this.#connections) if (server.listening) Server.prototype.close.call(server)
    const linger = this.#options.lingerTimeout
    const firstRequest = Math.min(linger, this.#options.firstRequestTimeout)
    this.#timers.push(
      this.#system.setTimeout(() => this.#each((http) => http.endUnused()), firstRequest),
      this.#system.setTimeout(() => {
        this.#each((http) => {
          http.endIdle()
          http.endHandshakes()
        })
      }, linger),
    )
    const empty = Promise.all(this.#connections.map((each) => each.empty()))
    const cut = (await Promise.race([empty, this.#hammered])) === 'hammered' ? this.#cut() : []
    await empty
    this.dispose()
    return { milliseconds: this.#system.now() - begun, cut }
  }

  /** Ends the wait: what is left is cut now. */
  hammer(): void {
    this.#hammer()
  }

  /** Drains what was to migrate and no longer can. */
  closeInstead(connections: Connections): void {
    this.#announce(connections)
  }

  dispose(): void {
    for (const release of this.#timers.splice(0)) release()
    this.#each((http) => http.dispose())
  }

  #announce(connections: Connections): void {
    const { http } = connections
    if (http === undefined || this.#http.has(connections)) return
    const drain = new Http1Drain(connections, this.#system)
    this.#http.set(connections, drain)
    drain.announce(http)
  }

  #each(act: (http: Http1Drain) => void): void {
    for (const http of this.#http.values()) act(http)
  }

  #cut(): CutConnection[] {
    const cut = this.#connections.flatMap((connections) => {
      const idle = connections.idle()
      const cut = (socket: Socket): boolean =>
        isClosing(socket) ? hasUnflushed(socket) : socket.bytesRead > 0 && !idle.has(socket)
      return [...connections.sockets].filter(cut).map(describe)
    })
    for (const connections of this.#connections) for (const socket of connections.all) socket.destroy()
    return cut
  }
}

function describe(socket: Socket): CutConnection {
  const { remoteAddress, remotePort } = socket
  const from = { ...(remoteAddress && { remoteAddress }), ...(remotePort && { remotePort }) }
  const request = currentResponse(socket)?.req
  if (request === undefined) return { state: 'open', ...from }
  const { method, url } = request
  return { state: 'responding', ...(method && { method }), ...(url && { url }), ...from }
}
