import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { closeIfLast, hasSaidClose, sayClose } from '../connections/close-header.ts'
import { currentResponse, isLast, isWanted, unreadRequest } from '../connections/exchange.ts'
import { isUsed } from '../connections/mark-as-used.ts'
import { whenQuieter } from '../connections/when-quieter.ts'
import { shadow } from '../system/shadow.ts'
import type { Release, System } from '../system/system.ts'
import { beforeHead } from './before-head.ts'
import { closeGently, isClosing } from './close-gently.ts'
import { deferRequests } from './defer-requests.ts'
import { Http1Timeouts } from './http1-timeouts.ts'
import { IdleTimeouts } from './idle-timeouts.ts'
import { type DrainingPolicy, refusedByPolicy } from './refusal.ts'

/** Ends the HTTP/1 connections of one server, each after its last response. */
export class Http1Drain {
  readonly #connections: Connections
  readonly #system: System
  readonly #releases: Release[] = []
  /** Connections that drain while the server's other connections move. */
  readonly #kept = new Set<Socket>()
  #releaseKept: Release | undefined
  readonly #finished = new Set<Socket>()
  /** Responses that ended before the drain, promised to keep the connection, and are still being sent. */
  readonly #promised = new WeakSet<ServerResponse>()
  /** Requests that arrived after a response that said `Connection: close`. */
  readonly #late = new WeakSet<ServerResponse['req']>()
  readonly #timeouts: Http1Timeouts
  /** Connections that are checked again although no response ends on them. */
  readonly #awaited = new WeakSet<Socket>()
  /** Connections that this drain ends in place of Node. */
  readonly #gentle = new WeakSet<Socket>()
  #idleEnded = false
  #checking = false
  #active = true

  constructor(connections: Connections, system: System) {
    this.#connections = connections
    this.#system = system
    const idle = new IdleTimeouts(connections, system, (socket) => this.#end(socket))
    this.#timeouts = new Http1Timeouts(connections.server, (socket) => idle.onTimeout(socket))
    this.#releases.push(() => idle.dispose())
  }

  /** From now on every response says `Connection: close`, and its connection ends after it. */
  announce(policy: DrainingPolicy<ServerResponse['req']>): void {
    this.#releaseKept?.()
    this.#releases.push(
      this.#timeouts.start(),
      this.#defer(policy, () => true),
    )
    this.#tellCurrent(this.#connections.sockets.keys())
  }

  /** Makes the responses that are being written say `Connection: close`. */
  #tellCurrent(sockets: Iterable<Socket>): void {
    const pipelining = new Set<Socket>()
    for (const socket of sockets) {
      const response = currentResponse(socket)
      if (response === undefined) continue
      this.#timeouts.watch(socket)
      if (!isLast(response)) pipelining.add(socket)
      if (!sayClose(response) && response.writableEnded) this.#promised.add(response)
    }
    if (pipelining.size === 0) return
    const release = beforeHead((response, fields) =>
      pipelining.has(response.req.socket) ? closeIfLast(response, fields) : fields,
    )
    this.#releases.push(release)
  }

  /** Does for these connections what `announce()` does for all. */
  keep(policy: DrainingPolicy<ServerResponse['req']>, sockets: readonly Socket[]): void {
    for (const socket of sockets) this.#kept.add(socket)
    this.#releaseKept ??= this.#defer(policy, (socket) => this.#kept.has(socket))
    this.#tellCurrent(sockets)
  }

  /** Whether this connection drains while others move. */
  keeps(socket: Socket): boolean {
    return this.#kept.has(socket)
  }

  /**
   * A request has arrived, and the application has not seen it yet. After a response that said `Connection:
   * close` it never will: the client knows that such a request is not answered, and a server must not
   * process it (RFC 9112, section 9.6).
   * @returns whether it will be answered
   */
  onRequest(response: ServerResponse): boolean {
    const ahead = currentResponse(response.req.socket)
    if (ahead !== undefined && hasSaidClose(ahead)) this.#late.add(response.req)
    sayClose(response)
    this.#timeouts.watch(response.req.socket)
    return !this.#late.has(response.req)
  }

  /** A response has ended, and Node is about to handle its end. */
  onFinish(socket: Socket, response: ServerResponse): void {
    // Node calls this right after a response that said close. Its own version closes without waiting for the
    // client's FIN, and takes the rest of the request body from an application that has answered early.
    if (!this.#gentle.has(socket)) {
      this.#gentle.add(socket)
      this.#releases.push(shadow(socket, 'destroySoon', () => () => this.#endBehind(socket)))
    }
    // The client may have received all of it some time ago and send more requests: such a connection is idle
    // and lingers.
    if (this.lingersBehind(response)) return
    // A head that was written before the drain, or by an application that sets the header itself, has
    // promised to keep the connection. The connection still ends right after the body, unless more requests
    // have arrived by then.
    this.#finished.add(socket)
    if (this.#checking) return
    this.#checking = true
    queueMicrotask(() => this.#endFinished())
  }

  /** Whether the connection stays open for another request after this response. */
  lingersBehind(response: ServerResponse): boolean {
    return this.#promised.has(response) && !this.#idleEnded
  }

  /**
   * Ends the connections that are between two requests, on which no request is known to be on its way.
   * Connections that become idle later end then.
   */
  endIdle(): void {
    this.#idleEnded = true
    this.endQuiet([...this.#connections.sockets.keys()])
  }

  /** Ends the connections on which the client has sent nothing. */
  endUnused(): void {
    for (const socket of this.#connections.unused()) this.#end(socket)
  }

  /** Ends each of these connections as soon as nothing is in flight on it. */
  endQuiet(sockets: readonly Socket[]): void {
    const idle = this.#connections.idle()
    for (const socket of sockets)
      if (idle.has(socket) || !isUsed(socket)) this.#end(socket)
      else if (unreadRequest(socket) !== undefined) this.#endBehind(socket)
      else this.#endLater(socket)
  }

  /** Cuts the TLS handshakes that have not become connections. */
  endHandshakes(): void {
    for (const socket of this.#connections.handshaking()) socket.destroy()
  }

  dispose(): void {
    this.#active = false
    this.#releaseKept?.()
    for (const release of this.#releases.splice(0)) release()
  }

  #defer(policy: DrainingPolicy<ServerResponse['req']>, concerns: (socket: Socket) => boolean): Release {
    const { server } = this.#connections
    return deferRequests(server, this.#system, concerns, (request, response) => {
      return this.#late.has(request) || refusedByPolicy(policy, request, response)
    })
  }

  #end(socket: Socket): void {
    closeGently(socket, this.#system)
  }

  /**
   * Ends a connection whose response was sent. An application that answered early may still read the rest of
   * the request.
   */
  #endBehind(socket: Socket): void {
    const request = unreadRequest(socket)
    if (request !== undefined && isWanted(request)) this.#endLater(socket)
    else this.#end(socket)
  }

  /**
   * Checks again when the rest of a request has arrived or all data is sent: no response ends at that moment.
   */
  #endLater(socket: Socket): void {
    if (this.#awaited.has(socket)) return
    const isAwaited = whenQuieter(socket, () => {
      this.#awaited.delete(socket)
      if (this.#active) this.endQuiet([socket])
    })
    if (isAwaited) this.#awaited.add(socket)
  }

  #endFinished(): void {
    this.#checking = false
    const finished = [...this.#finished].filter(
      (each) => !isClosing(each) && currentResponse(each) === undefined,
    )
    this.#finished.clear()
    if (finished.length > 0) this.endQuiet(finished)
  }
}
