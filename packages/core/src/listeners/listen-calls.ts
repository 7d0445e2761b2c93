import { closeSync } from 'node:fs'
import type { ListenOptions, Server } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { discardListeningHandle, isClusters, listeningHandle } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'
import { type Address, boundAddress, requestedAddress } from './address.ts'
import type { Hold } from './hold.ts'
import { type InheritedListener, type InheritedListeners, mismatch } from './inheritance.ts'
import { type Claim, claim, type Options } from './listen-claim.ts'
import { listenQuietly } from './listen-quietly.ts'
import type { Listener, ListenersObserver, ListenMessage } from './listener.ts'
import { UnixPath } from './unix-path.ts'

/** One call of `listen()` on its way. */
export interface Attempt {
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

/** What is known of a server, whether it listens or not. */
export interface ServerRecord {
  /** Its call of `listen()` that is on its way. */
  attempt?: Attempt
  /** While it listens. */
  listener?: Listener
  /** Whether it is left to the application. */
  ignored?: boolean
  /** Whether node:cluster opens it in a primary, to accept connections for workers. */
  isClusters?: boolean
  /** Whether its next `listen()` is to be the kernel's own. */
  wasLent?: boolean
}

export interface ListenCallsObserver extends ListenersObserver {
  /** Called when the kernel has refused an address. */
  onRefused(requested: Address | undefined, error: Error & { code?: string }): void
}

/** What the calls of `listen()` do: each adopts the socket that the process inherited for its address. */
export class ListenCalls {
  readonly #system: System
  readonly #inherited: InheritedListeners
  readonly #hold: Hold
  readonly #know: (server: Server) => ServerRecord
  readonly #observer: ListenCallsObserver

  constructor(
    system: System,
    { inherited, hold }: { readonly inherited: InheritedListeners; readonly hold: Hold },
    know: (server: Server) => ServerRecord,
    observer: ListenCallsObserver,
  ) {
    this.#system = system
    this.#inherited = inherited
    this.#hold = hold
    this.#know = know
    this.#observer = observer
  }

  /** A call has begun: nothing is bound yet. */
  start({ server, options }: ListenMessage): void {
    const known = this.#know(server)
    if (known.ignored || known.attempt?.given === options) return
    if (isClusters(server)) {
      known.ignored = true
      known.isClusters = true
      return
    }
    this.#observer.onStart({ server, options })
    if (!Object.isExtensible(options)) {
      // A frozen object takes no descriptor and no other path: this server binds its address by itself.
      const frozen = { owner: this, original: options }
      known.attempt = {
        ...unaided,
        given: options,
        claim: frozen,
        options,
        requested: requestedAddress(options),
      }
      return
    }
    const claimed = claim(options, this)
    const requested = requestedAddress(options)
    const own = requested === undefined ? undefined : this.#inherited.take(requested)
    const inherited = own ?? this.#lend(server, requested)
    const isHeld = inherited && this.#prepareHold(server, inherited, own === undefined)
    const unixPath = this.#unixPath(requested)
    const attempt: Attempt = {
      given: options,
      claim: claimed,
      options: { ...options },
      requested,
      inherited,
      lent: own === undefined,
      isHeld,
      unixPath,
    }
    known.attempt = attempt
    if (inherited === undefined) {
      unixPath?.divert(options)
      return
    }
    options.fd = inherited.fd
    // With a descriptor Node listens at once, unless it throws because of another option.
    queueMicrotask(() => {
      if (known.attempt !== attempt) return
      delete known.attempt
      isHeld?.()
      this.#inherited.offer(inherited)
    })
  }

  /**
   * A program that looks for a free port listens on several addresses of it, one after another. The kernel would refuse
   * those that the predecessor's socket stands for as well, which a first start finds free: so for one turn such a server
   * is lent that socket, and accepts nothing. One that still listens then is no probe, and the kernel decides.
   */
  #lend(server: Server, requested: Address | undefined): InheritedListener | undefined {
    const known = this.#know(server)
    const wasLent = known.wasLent === true
    delete known.wasLent
    if (wasLent || !this.#hold.canHold(server) || requested === undefined) return undefined
    return this.#inherited.lend(requested)
  }

  #endLoan(server: Server, options: ListenOptions): void {
    const handle = listeningHandle(server)
    this.#system.setImmediate(() => {
      if (handle === undefined || listeningHandle(server) !== handle) return
      discardListeningHandle(server)
      this.#know(server).wasLent = true
      listenQuietly(server, options, (error) => {
        if (error === undefined) return
        this.#observer.onFailed(server)
        server.emit('error', error)
      })
    })
  }

  /**
   * A call has ended without an error.
   * @returns the server as it listens now; undefined if it does not, or is not one to take care of
   */
  end(server: Server): Listener | undefined {
    const known = this.#know(server)
    const { attempt } = known
    delete known.attempt
    if (known.isClusters) {
      const handle = listeningHandle(server)
      if (handle !== undefined) this.#observer.onClusterListening(handle)
      return undefined
    }
    if (attempt !== undefined && attempt.claim.owner !== this) return undefined
    const { options = {}, requested, inherited, lent, isHeld, unixPath } = attempt ?? {}
    if (isHeld?.() === false && inherited !== undefined) this.#observer.onNotHeld(inherited.bound)
    try {
      unixPath?.settle(server, inherited?.foreign)
    } catch (error) {
      this.#observer.onRefused(requested, error as Error)
      this.#refuse(server, error as Error)
      return undefined
    }
    if (inherited !== undefined) {
      const found = boundAddress(server) ?? 'no listening socket'
      // The path by which a manager's socket was asked for may be another one than its own.
      if (found !== inherited.bound && inherited.foreign !== true) {
        this.#refuse(server, mismatch(inherited.fd, inherited.bound, found))
        return undefined
      }
    }
    if (inherited !== undefined && lent === true) {
      this.#endLoan(server, options)
      return undefined
    }
    // Perhaps while it was on its way.
    return known.ignored
      ? undefined
      : { server, options, requested, fresh: true, unixPath, foreign: inherited?.foreign === true }
  }

  /** @returns undefined once this process may serve */
  #prepareHold(server: Server, inherited: InheritedListener, lent: boolean): (() => boolean) | undefined {
    if (!this.#hold.holds) return undefined
    return this.#hold.prepare(server, {
      lent,
      onClosed: () => {
        // A loan can outlast the hold.
        if (this.#hold.holds) this.#inherited.offer(inherited)
        else closeSync(inherited.fd)
      },
      onFailed: (status) => {
        const found = `not one (listen: ${getSystemErrorName(status)})`
        this.#refuse(server, mismatch(inherited.fd, inherited.bound, found))
      },
    })
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

  /** A call has failed. */
  fail(server: Server, error: Error & { code?: string }): void {
    const known = this.#know(server)
    const { attempt } = known
    delete known.attempt
    this.#observer.onFailed(server)
    if (attempt !== undefined && attempt.claim.owner !== this) return
    const { requested, inherited, isHeld, unixPath } = attempt ?? {}
    isHeld?.()
    unixPath?.giveUp(server, error)
    if (inherited !== undefined) {
      this.#observer.onWarning(
        mismatch(inherited.fd, inherited.bound, `not one (listen: ${error.code ?? error.message})`, error),
      )
    } else this.#observer.onRefused(requested, error)
  }
}

const unaided = { inherited: undefined, lent: false, isHeld: undefined, unixPath: undefined }
