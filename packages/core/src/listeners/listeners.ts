import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { closeSync } from 'node:fs'
import type { ListenOptions, Server } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import {
  discardListeningHandle,
  isClusters,
  type ListeningHandle,
  listeningHandle,
  stopConnectionsChecking,
} from '../system/node-internals.ts'
import { shadow } from '../system/shadow.ts'
import type { Release, System } from '../system/system.ts'
import { type Address, boundAddress, requestedAddress } from './address.ts'
import type { Hold } from './hold.ts'
import { type InheritedListener, type InheritedListeners, mismatch } from './inheritance.ts'
import { UnixPath } from './unix-path.ts'

/** A server of this process that is listening, by whomever `listen()` was called. */
export interface Listener {
  readonly server: Server
  /** What `listen()` was asked for; undefined for port 0, which is drained like the rest but never inherited. */
  readonly requested: Address | undefined
  /** What `listen()` was given, to be given again. */
  readonly options: ListenOptions
  /** Whether its `listen()` was seen: then it cannot have accepted anything before. */
  readonly fresh: boolean
  /** Its file, where it has one. */
  readonly unixPath: UnixPath | undefined
}

/** A listening server that a successor can be given. */
export interface Inheritable {
  readonly listener: Listener
  readonly server: Server
  readonly requested: Address
  readonly bound: Address
  readonly fd: number
}

export interface ListenersObserver {
  /** Called inside `listen()`, before anything is bound. */
  onStart(message: ListenMessage): void
  /** Called when such an attempt has ended, if it did not lead to `onListening`. */
  onFailed(server: Server): void
  /** Called inside `listen()`, before the server can have accepted anything. */
  onListening(listener: Listener): void
  /** Called when the server has closed and its last connection has ended. */
  onClosed(server: Server): void
  onWarning(error: ZerodropError): void
  /** Called when node:cluster has opened a socket, in a primary. */
  onClusterListening(handle: ListeningHandle): void
  /** Called when an inherited socket accepts at once, because Node does not let it be held. */
  onNotHeld(address: Address): void
}

type Options = ListenOptions & { fd?: number }

/** What Node publishes as a call of `listen()` begins. */
export interface ListenMessage {
  readonly server: Server
  readonly options: Options
}

/**
 * Who looks after one call of `listen()`, kept on its options while it is on its way. There can be several in a process
 * under a test runner that loads the package anew for each file: the newest does it, and the others leave it alone.
 */
interface Claim {
  owner: Listeners
  /** The options as they were. */
  readonly original: Options
}

/** What is changed in the options of one call. */
const changed = ['fd', 'path', 'readableAll', 'writableAll'] as const

const claimKey = Symbol.for('zerodrop.listen.v1')

/** One call of `listen()` on its way. */
interface Attempt {
  /** The object that Node reads. */
  readonly given: Options
  readonly claim: Claim
  readonly options: ListenOptions
  readonly requested: Address | undefined
  readonly inherited: InheritedListener | undefined
  /** Whether it is lent: see `#lend`. */
  readonly lent: boolean
  /** Where the inherited socket is to be held: whether it is. */
  readonly isHeld: (() => boolean) | undefined
  readonly unixPath: UnixPath | undefined
}

/**
 * Knows every listening server of the process without being told, and lets each adopt what the process inherited.
 *
 * Node publishes `tracing:net.server.listen:asyncStart` inside `server.listen()` before anything is bound, with the
 * very options object it goes on to read: an `fd` set there makes that call adopt the descriptor.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (Server.prototype.listen)
 */
export class Listeners {
  readonly inherited: InheritedListeners
  readonly #system: System
  readonly #hold: Hold
  #observer: ListenersObserver | undefined
  readonly #listening = new Map<Server, Listener>()
  readonly #attempts = new Map<Server, Attempt>()
  readonly #ignored = new WeakSet<Server>()
  /** Those whose next `listen()` is to be the kernel's own. */
  readonly #unlent = new WeakSet<Server>()
  /** Those that node:cluster opens in a primary, to accept connections for workers. */
  readonly #clusters = new WeakSet<Server>()

  constructor(system: System, inherited: InheritedListeners, hold: Hold) {
    this.#system = system
    this.inherited = inherited
    this.#hold = hold
  }

  /** Begins to see every `listen()` of the process. */
  watch(observer: ListenersObserver): Release {
    this.#observer = observer
    const handlers: [string, (message: unknown) => void][] = [
      ['tracing:net.server.listen:asyncStart', (message) => this.#onStart(message as ListenMessage)],
      [
        'tracing:net.server.listen:asyncEnd',
        (message) => {
          const { server } = message as { server: Server }
          this.#onEnd(server)
          if (!this.#listening.has(server)) this.#observer?.onFailed(server)
        },
      ],
      [
        'tracing:net.server.listen:error',
        (message) => this.#onError(message as { server: Server; error: Error }),
      ],
    ]
    for (const [channel, handler] of handlers) subscribe(channel, handler)
    return () => {
      for (const [channel, handler] of handlers) unsubscribe(channel, handler)
    }
  }

  /** Adds a server that was listening before anyone watched. */
  add(server: Server): void {
    if (!this.#listening.has(server) && !this.#ignored.has(server))
      this.#track({ server, requested: boundAddress(server), options: {}, fresh: false, unixPath: undefined })
  }

  /** Leaves a server to the application, now and whenever it listens again. */
  ignore(server: Server): void {
    this.#ignored.add(server)
    this.#listening.delete(server)
    this.#observer?.onFailed(server)
  }

  get all(): readonly Listener[] {
    return [...this.#listening.values()]
  }

  /** What a successor can be given: the descriptor, and by which names it is to be found there. */
  get inheritable(): readonly Inheritable[] {
    return this.all.flatMap((listener) => {
      const { server, requested } = listener
      const fd = descriptorOf(server)
      const bound = boundAddress(server)
      if (fd === undefined || bound === undefined || requested === undefined) return []
      return [{ listener, server, requested, bound, fd }]
    })
  }

  /**
   * Lets a server that has stopped listening listen again on the socket it had, without a word to the application.
   * @param fd a descriptor of that socket; undefined to bind its address anew
   * @param onDone called when it listens, or cannot
   */
  reopen(inheritable: Inheritable, fd: number | undefined, onDone: () => void): void {
    const { listener, requested, bound } = inheritable
    const { server, options } = listener
    if (fd !== undefined) this.inherited.offer({ fd, requested, bound })
    listenQuietly(server, options, (error) => {
      if (error !== undefined) this.#observer?.onFailed(server)
      // The application may have no listener left for that, and must not die of it.
      if (error !== undefined && server.listenerCount('error') > 0) server.emit('error', error)
      onDone()
    })
  }

  /** Takes part in a call of `listen()` that is on its way, which `watch()` may have come too late to see. */
  join(message: ListenMessage): void {
    this.#onStart(message)
  }

  #onStart({ server, options }: ListenMessage): void {
    if (this.#ignored.has(server) || this.#attempts.get(server)?.given === options) return
    if (isClusters(server)) {
      this.#ignored.add(server)
      this.#clusters.add(server)
      return
    }
    this.#observer?.onStart({ server, options })
    if (!Object.isExtensible(options)) {
      // A frozen object takes no descriptor and no other path: this server binds its address by itself.
      const claim = { owner: this, original: options }
      const requested = requestedAddress(options)
      this.#attempts.set(server, { given: options, claim, options, requested, ...unaided })
      return
    }
    const claim = this.#claim(options)
    const requested = requestedAddress(options)
    const own = requested === undefined ? undefined : this.inherited.take(requested)
    const inherited = own ?? this.#lend(server, requested)
    const isHeld = inherited && this.#prepareHold(server, inherited, own === undefined)
    const unixPath = this.#unixPath(requested)
    const attempt: Attempt = {
      given: options,
      claim,
      options: { ...options },
      requested,
      inherited,
      lent: own === undefined,
      isHeld,
      unixPath,
    }
    this.#attempts.set(server, attempt)
    if (inherited === undefined) {
      unixPath?.divert(options)
      return
    }
    options.fd = inherited.fd
    // With a descriptor Node listens at once, unless it throws because of another option.
    queueMicrotask(() => {
      if (this.#attempts.get(server) !== attempt) return
      this.#attempts.delete(server)
      isHeld?.()
      this.inherited.offer(inherited)
    })
  }

  /**
   * A program that looks for a free port listens on several addresses of it, one after another. The kernel would refuse
   * those that the predecessor's socket stands for as well, which a first start finds free: so for one turn such a server
   * is lent that socket, and accepts nothing. One that still listens then is no probe, and the kernel decides.
   */
  #lend(server: Server, requested: Address | undefined): InheritedListener | undefined {
    if (this.#unlent.delete(server) || !this.#hold.canHold(server) || requested === undefined)
      return undefined
    return this.inherited.lend(requested)
  }

  #endLoan(server: Server, options: ListenOptions): void {
    const handle = listeningHandle(server)
    this.#system.setImmediate(() => {
      if (handle === undefined || listeningHandle(server) !== handle) return
      discardListeningHandle(server)
      this.#unlent.add(server)
      listenQuietly(server, options, (error) => {
        if (error === undefined) return
        this.#observer?.onFailed(server)
        server.emit('error', error)
      })
    })
  }

  #onEnd(server: Server): void {
    const attempt = this.#attempts.get(server)
    this.#attempts.delete(server)
    if (this.#clusters.has(server)) {
      const handle = listeningHandle(server)
      if (handle !== undefined) this.#observer?.onClusterListening(handle)
      return
    }
    if (attempt !== undefined && attempt.claim.owner !== this) return
    const { options = {}, requested, inherited, lent, isHeld, unixPath } = attempt ?? {}
    if (isHeld?.() === false && inherited !== undefined) this.#observer?.onNotHeld(inherited.bound)
    try {
      unixPath?.settle(server)
    } catch (error) {
      this.#tellInUse(requested, error as Error)
      this.#refuse(server, error as Error)
      return
    }
    if (inherited !== undefined) {
      const found = boundAddress(server) ?? 'no listening socket'
      if (found !== inherited.bound) {
        this.#refuse(server, mismatch(inherited.fd, inherited.bound, found))
        return
      }
    }
    if (inherited !== undefined && lent === true) {
      this.#endLoan(server, options)
      return
    }
    // Perhaps while it was on its way.
    if (!this.#ignored.has(server)) this.#track({ server, options, requested, fresh: true, unixPath })
  }

  /** @returns undefined once this process may serve */
  #prepareHold(server: Server, inherited: InheritedListener, lent: boolean): (() => boolean) | undefined {
    if (!this.#hold.holds) return undefined
    return this.#hold.prepare(server, {
      lent,
      onClosed: () => {
        // A loan can outlast the hold.
        if (this.#hold.holds) this.inherited.offer(inherited)
        else closeSync(inherited.fd)
      },
      onFailed: (status) => {
        const found = `not one (listen: ${getSystemErrorName(status)})`
        this.#refuse(server, mismatch(inherited.fd, inherited.bound, found))
      },
    })
  }

  #claim(options: Options): Claim {
    const claims = options as Options & { [claimKey]?: Claim }
    const earlier = claims[claimKey]
    if (earlier !== undefined) {
      earlier.owner = this
      restore(options, earlier.original)
      return earlier
    }
    const claim: Claim = { owner: this, original: { ...options } }
    Object.defineProperty(claims, claimKey, { value: claim, configurable: true })
    // By then Node has read the object. It can be the caller's own, and Fastify copies it for its second server on
    // `localhost`, which must not adopt the same descriptor.
    queueMicrotask(() => {
      Reflect.deleteProperty(claims, claimKey)
      restore(options, claim.original)
    })
    return claim
  }

  #unixPath(requested: Address | undefined): UnixPath | undefined {
    const file = /^unix:\/\/(.+)$/s.exec(requested ?? '')?.[1]
    // The primary binds and removes what all its workers listen on.
    if (file === undefined || this.#system.incapacity === 'cluster-worker') return undefined
    return new UnixPath(file, (path) => this.#system.isServed(path))
  }

  /** Makes `listen()` fail. */
  #refuse(server: Server, error: Error): void {
    discardListeningHandle(server)
    queueMicrotask(() => server.emit('error', error))
  }

  #onError({ server, error }: { server: Server; error: Error & { code?: string } }): void {
    const attempt = this.#attempts.get(server)
    this.#attempts.delete(server)
    this.#observer?.onFailed(server)
    if (attempt !== undefined && attempt.claim.owner !== this) return
    const { requested, inherited, isHeld, unixPath } = attempt ?? {}
    isHeld?.()
    unixPath?.giveUp(server, error)
    if (inherited !== undefined) {
      this.#observer?.onWarning(
        mismatch(inherited.fd, inherited.bound, `not one (listen: ${error.code ?? error.message})`, error),
      )
    } else this.#tellInUse(requested, error)
  }

  #tellInUse(requested: Address | undefined, error: Error & { code?: string }): void {
    if (error.code !== 'EADDRINUSE') return
    this.#observer?.onWarning(
      new ZerodropError(
        'ERR_ZERODROP_ADDRESS_IN_USE',
        `This process cannot listen on ${requested ?? 'the address'}: it is in use. ${this.#whoHolds(requested)}`,
        { cause: error },
      ),
    )
  }

  /** Who it probably is that holds an address, and what can be done about that. */
  #whoHolds(requested: Address | undefined): string {
    const port = portOf(requested)
    const own = this.all.find(({ server }) => port !== undefined && portOf(boundAddress(server)) === port)
    if (own !== undefined)
      return `This process listens on ${boundAddress(own.server)} already: give one server another port.`
    const offered = this.inherited.left.find(({ bound }) => port !== undefined && portOf(bound) === port)
    if (offered !== undefined) {
      return (
        `The predecessor holds that port as ${offered.bound}: listen on the same host as it does, ` +
        'or stop it and start this version instead of restarting.'
      )
    }
    return (
      'Another process holds it, which did not hand it over. Stop that process; if it is an earlier generation of ' +
      'this application, send it SIGHUP instead of starting a second one.'
    )
  }

  #track(listener: Listener): void {
    const { server } = listener
    if (!this.#listening.has(server)) {
      const onClose = (): void => {
        // It listens again: it was closed before this, and not for good.
        if (server.listening) return
        server.off('close', onClose)
        this.#listening.delete(server)
        stopConnectionsChecking(server)
        this.#observer?.onClosed(server)
      }
      server.on('close', onClose)
    }
    this.#listening.set(server, listener)
    this.#observer?.onListening(listener)
  }
}

const unaided = { inherited: undefined, lent: false, isHeld: undefined, unixPath: undefined }

/**
 * Lets a server listen and keeps 'listening' from the application, which has heard it before: its handlers for that are to
 * run once.
 * @param onDone called instead, with the error if it cannot listen
 */
function listenQuietly(server: Server, options: ListenOptions, onDone: (error?: Error) => void): void {
  const release = shadow(
    server,
    'emit',
    (emit) =>
      function (this: Server, event: string | symbol, ...args: unknown[]): boolean {
        if (event !== 'listening' && event !== 'error') return Reflect.apply(emit, this, [event, ...args])
        release()
        if (event === 'error') onDone(args[0] as Error)
        else onDone()
        return true
      },
  )
  server.listen({ ...options })
}

function restore(options: Options, original: Options): void {
  for (const key of changed) {
    if (Object.hasOwn(original, key)) Object.assign(options, { [key]: original[key] })
    else Reflect.deleteProperty(options, key)
  }
}

function portOf(address: Address | undefined): string | undefined {
  return /^tcp:.*:(\d+)$/.exec(address ?? '')?.[1]
}

/** The number of a listening socket's descriptor: Node has it nowhere but on the handle. Undefined on Windows. */
function descriptorOf(server: Server): number | undefined {
  const fd = listeningHandle(server)?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}
