import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Connections } from '../connections/connections.ts'
import { currentResponse } from '../connections/exchange.ts'
import type { Upgraded } from '../connections/upgrades.ts'
import { Attempts } from '../errors/attempts.ts'
import type { Release, System } from '../system/system.ts'
import { isClosing } from './close-gently.ts'
import { cut, describeCut, describeMoving, type Times } from './cut.ts'
import type { DrainingSignals } from './draining-signals.ts'
import { holdConnections } from './hold-connections.ts'
import { Http1Drain } from './http1-drain.ts'
import { Http1Requests } from './http1-requests.ts'
import { Http2Drain } from './http2-drain.ts'
import { Http2Requests } from './http2-requests.ts'
import type { DrainingPolicy } from './refusal.ts'
import { closeListener, stopAccepting } from './stop-accepting.ts'
import { Tally } from './tally.ts'
import type { CutConnection } from '../events/drain-report.ts'
import { type CloseCode, UpgradedDrain } from './upgraded-drain.ts'

/** WebSockets and event streams that are to leave for a successor. While they may, they are told nothing of the drain. */
export interface Departures {
  leaves(upgraded: Upgraded): boolean
  /** The same for a request under way. */
  isLeaving(request: IncomingMessage): boolean
  /** Whether a connection is between two processes: to end it here would end it there. */
  isUnderWay(socket: Socket): boolean
}

export interface ServerDrainOptions {
  /** The most milliseconds that an idle connection is kept for a request that may be on its way. */
  readonly lingerTimeout: number
  /** Milliseconds that a connection on which nothing ever came is kept for its first request. */
  readonly firstRequestTimeout: number
  /** Milliseconds over which WebSockets are told. */
  readonly closeSpread: number
  /** What WebSockets are told. */
  readonly closeCode: CloseCode
  /** What becomes of new requests that no adapter decides on. A function does not throw. */
  readonly policy: DrainingPolicy<IncomingMessage>
  /** Whether its HTTP/1 connections leave for a successor: then they are neither told to close nor ended while idle. */
  readonly migrates: boolean
  /** What is to leave for a successor in the middle of what it does; undefined for nothing. */
  readonly departures?: Departures | undefined
  /** Called before this process stops listening, where no other goes on: from then on no client should find the server. */
  readonly onStopping: () => void
  /** Told of each thing that was cut, but for what `force()` returns. */
  readonly onCut: (connection: CutConnection, forced: boolean) => void
  /** Reports what a step throws. */
  readonly attempts?: Attempts
}

/** What Node publishes on `http.server.request.start` and `http.server.response.finish`. */
interface Exchange {
  readonly server: Server
  readonly socket: Socket
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** How long after a change it is looked at whether a connection is left that can bring a new request. */
const settlingDelay = 25

/** Somebody who waits until no connection is left that can. */
interface Settling {
  /** Something has changed. */
  readonly check: () => void
  readonly settle: () => void
}

/** Ends one server, in steps that its owner takes: announce, stop accepting, linger, and at the deadline cut. */
export class ServerDrain {
  readonly connections: Connections
  /** How its requests have ended. */
  readonly tally: Tally
  /** How many new connections the kernel may have reset. */
  reset = 0
  readonly #system: System
  readonly #options: ServerDrainOptions
  readonly #attempts: Attempts
  readonly #http1: Http1Drain
  readonly #http2: Http2Drain
  readonly #upgraded: UpgradedDrain
  readonly #http1Requests: Http1Requests
  readonly #http2Requests: Http2Requests
  readonly #signals: DrainingSignals
  /** When those requests began that arrived since the drain did. */
  readonly #begun = new WeakMap<IncomingMessage, number>()
  /** Idle connections that were on their way to a successor when the drain was forced. */
  #spared: ReadonlySet<Socket> = new Set()
  #start = 0
  readonly #settling = new Set<Settling>()
  readonly #releases: Release[] = []
  #started = false
  #announced = false
  #hurried = false
  #acceptedMore = false
  #stopped: Promise<void> | undefined
  #lingers = false

  constructor(
    system: System,
    connections: Connections,
    signals: DrainingSignals,
    options: ServerDrainOptions,
  ) {
    this.connections = connections
    this.#system = system
    this.#signals = signals
    this.#options = options
    this.#attempts = options.attempts ?? new Attempts(() => {})
    this.#http1 = new Http1Drain(connections, system)
    this.#http2 = new Http2Drain(connections, system)
    this.#upgraded = new UpgradedDrain(
      connections,
      system,
      { code: options.closeCode, attempts: this.#attempts },
      (upgraded) => options.departures?.leaves(upgraded) === true,
    )
    this.tally = new Tally(options.onCut)
    const times = (): Times => this.#times()
    this.#http1Requests = new Http1Requests(connections, system, this.tally, times)
    this.#http2Requests = new Http2Requests(connections, this.tally, times)
  }

  get websockets(): number {
    return this.#upgraded.told
  }

  /** Whether new requests are answered with `Connection: close`, or refused. */
  get announced(): boolean {
    return this.#announced
  }

  /** The same for one connection: it may be one that drains while others move. */
  tells(socket: Socket): boolean {
    return this.#announced || this.#http1.keeps(socket)
  }

  /** Begins: long streams and WebSockets are told, and so is every client whose connection ends with this process. */
  start(): void {
    if (this.#started) return
    this.#started = true
    this.#start = this.#system.now()
    this.connections.track()
    this.#http1Requests.start()
    this.#releases.push(holdConnections(this.connections.server))
    this.#listen('http.server.request.start', ({ request, response }) => {
      this.#begun.set(request, this.#system.now())
      if (!this.tells(request.socket) || this.#http1.onRequest(response))
        this.#http1Requests.begin(request, response)
      for (const { check } of this.#settling) check()
    })
    this.#listen('http.server.response.finish', (exchange) => this.#onFinish(exchange))
    const attempts = this.#attempts
    attempts.run('telling the clients of HTTP/1', () => {
      if (!this.#options.migrates) this.announce()
    })
    attempts.run('telling the clients of HTTP/2', () => {
      if (!this.connections.http2) return
      this.#http2Requests.start()
      this.#http2.announce()
    })
    attempts.run('telling WebSockets', () => this.#upgraded.start(this.#options.closeSpread))
    attempts.run('telling long streams', () =>
      this.#signals.abort(
        this.connections.server,
        (request) => this.#options.departures?.isLeaving(request) === true,
      ),
    )
  }

  /** Tells the clients of HTTP/1. Once: for connections that were to migrate and no longer can it comes later. */
  announce(): void {
    if (this.#announced) return
    this.#announced = true
    this.#http1.announce(this.#options.policy)
    // Its clients are told only now.
    if (this.#lingers) this.#lingerOnce()
  }

  /**
   * Drains connections that were to move and may not, as a stop would: from here on they are told, and they linger.
   */
  keep(sockets: readonly Socket[]): void {
    const { policy, lingerTimeout, firstRequestTimeout } = this.#options
    this.#http1.keep(policy, sockets)
    const unused = this.connections.unused()
    const used = sockets.filter((socket) => !unused.has(socket))
    const others = sockets.filter((socket) => unused.has(socket))
    this.#later(lingerTimeout, () => this.#http1.endQuiet(used))
    this.#later(Math.min(lingerTimeout, firstRequestTimeout), () => this.#http1.endQuiet(others))
  }

  /** What was to leave on this connection does not: it is told of the drain after all. */
  stays(socket: Socket): void {
    this.#upgraded.stays(socket)
    this.#signals.abortOn(socket)
  }

  /** The same for all. */
  allStay(): void {
    this.#upgraded.allStay()
    this.#signals.abort(this.connections.server)
  }

  /** @param successor whether another process has the listening socket too, so that closing it here loses nothing. */
  stopAccepting(successor: boolean): Promise<void> {
    this.#stopped ??= this.#stopAccepting(successor)
    return this.#stopped
  }

  async #stopAccepting(successor: boolean): Promise<void> {
    const { server } = this.connections
    if (successor) closeListener(server)
    if (!server.listening) return
    this.#attempts.run('taking a server off its address', () => this.#options.onStopping())
    const stopped = await this.#attempts.wait('accepting what was queued', () =>
      stopAccepting(this.connections, this.#system, () => this.#hurried),
    )
    this.reset = stopped?.reset ?? 0
    this.#acceptedMore = stopped?.acceptedMore ?? false
    closeListener(server)
  }

  /** Closes the listening socket without waiting until its accept queue is empty. */
  hurry(): void {
    this.#hurried = true
  }

  /** Ends the connections that nothing more comes on, each when its time is over. */
  linger(): void {
    if (this.#lingers) return
    this.#lingers = true
    this.#lingerOnce()
  }

  #lingerOnce(): void {
    const { firstRequestTimeout } = this.#options
    const lingerTimeout = this.#lingerTimeout
    this.#later(Math.min(lingerTimeout, firstRequestTimeout), () => {
      if (this.#announced) this.#http1.endUnused()
    })
    this.#later(lingerTimeout, () => {
      if (this.#announced) {
        this.#http1.endIdle()
        // Those whose TLS handshake was complete only after the time for a first request.
        this.#http1.endUnused()
      }
      this.#http1.endHandshakes()
    })
  }

  /** Calls back, once, when no connection is left that a new request may come on, or when the linger is over. */
  onSettled(listener: () => void): void {
    let checking: Release | undefined
    const settling: Settling = {
      check: () => {
        checking ??= this.#system.setTimeout(() => {
          checking = undefined
          if (!this.#mayBringMore()) settling.settle()
          else if (this.#upgraded.waiting) settling.check()
        }, settlingDelay)
      },
      settle: () => {
        if (!this.#settling.delete(settling)) return
        release()
        checking?.()
        listener()
      },
    }
    const release = this.connections.onChange(settling.check)
    this.#settling.add(settling)
    this.#later(this.#lingerTimeout, settling.settle)
    // Not at once: a request that has just arrived reaches the application in this turn (see `deferRequests`).
    settling.check()
  }

  /**
   * Cuts what is left, the streams that can be ended correctly excepted: those are ended. Idle connections that leave
   * for a successor are not cut: moving them ends by itself, and on some the next request may be waiting unread.
   */
  force(forced: boolean): readonly CutConnection[] {
    const { connections } = this
    const under = this.underWay()
    const quiet = this.migrates ? [...connections.idle(), ...connections.unused()] : []
    this.#spared = new Set(quiet.filter((socket) => !this.tells(socket)))
    const untouched = new Set(this.#spared)
    for (const socket of connections.sockets.keys())
      if (this.#options.departures?.isUnderWay(socket) === true) untouched.add(socket)
    const attempts = this.#attempts
    attempts.run('counting what is cut of HTTP/1', () => this.#http1Requests.force(forced))
    attempts.run('counting what is cut of HTTP/2', () => this.#http2Requests.force())
    this.tally.cut.push(...under)
    attempts.run('telling WebSockets', () => this.#upgraded.force(untouched))
    cut(connections, this.#system, (exchange) => this.#signals.isWatched(exchange), {
      spared: untouched,
      spread: this.#options.closeSpread,
      attempts,
    })
    return under
  }

  /** What it waits for: everything that is under way. */
  underWay(): CutConnection[] {
    return describeCut(this.connections, this.#times(), (socket) => this.#http1Requests.on(socket))
  }

  /** Whether its idle connections leave for a successor. */
  get migrates(): boolean {
    return this.#options.migrates && !this.#announced
  }

  /**
   * Destroys what is left because it has not moved for too long. The successor has not taken those connections, and a
   * request may be waiting on each.
   */
  giveUpMoving(): void {
    const times = this.#times()
    for (const socket of this.#spared)
      if (!socket.destroyed && this.#http1Requests.on(socket).length === 0)
        this.tally.addCut(describeMoving(this.connections, socket, times))
    this.destroy()
  }

  /** Destroys what is left. */
  destroy(): void {
    for (const socket of this.connections.all)
      this.#attempts.run('destroying a connection', () => socket.destroy())
  }

  dispose(): void {
    // The last connection can end, or the deadline come, before the next look: who waits for this must not wait on.
    for (const { settle } of this.#settling) settle()
    const parts = [this.#http1Requests, this.#http2Requests, this.#http1, this.#http2, this.#upgraded]
    for (const release of [...this.#releases.splice(0), ...parts.map((part) => () => part.dispose())])
      this.#attempts.run('giving a server back', release)
  }

  #times(): Times {
    return { now: this.#system.now(), began: (request) => this.#begun.get(request) ?? this.#start }
  }

  /** Connections that were accepted since the drain began have had no time: their first requests are on their way. */
  get #lingerTimeout(): number {
    const { lingerTimeout, firstRequestTimeout } = this.#options
    return this.#acceptedMore ? Math.max(lingerTimeout, firstRequestTimeout) : lingerTimeout
  }

  #mayBringMore(): boolean {
    const { sockets, upgraded, sessions, http, http2 } = this.connections
    // Frameworks close WebSockets in their hooks, all at once and with a code of their own: ours come first.
    if (this.#upgraded.waiting) return true
    if (this.connections.handshaking().length > 0) return true
    if ([...sessions].some((session) => !session.closed)) return true
    const onlyHttp2 = http2 && http === undefined
    return [...(onlyHttp2 ? [] : sockets.keys())].some((socket) => {
      const response = currentResponse(socket)
      const lingers = response === undefined || this.#http1.lingersBehind(response)
      return lingers && !speaksHttp2(socket) && !upgraded.has(socket) && !isClosing(socket)
    })
  }

  #onFinish({ socket, request, response }: Exchange): void {
    this.#http1Requests.finish(request, response, socket)
    if (this.tells(socket)) this.#http1.onFinish(socket, response)
  }

  #listen(channel: string, listener: (exchange: Exchange) => void): void {
    const { server } = this.connections
    const act = this.#attempts.guard('following a request', listener)
    const handler = (message: unknown): void => {
      if ((message as Exchange).server === server) act(message as Exchange)
    }
    subscribe(channel, handler)
    this.#releases.push(() => unsubscribe(channel, handler))
  }

  #later(milliseconds: number, act: () => void): void {
    this.#releases.push(
      this.#system.setTimeout(this.#attempts.guard('ending connections', act), milliseconds),
    )
  }
}

/** Whether TLS has agreed on HTTP/2, as a server that serves HTTP/1 as well has it for some. */
function speaksHttp2(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).alpnProtocol === 'h2'
}
