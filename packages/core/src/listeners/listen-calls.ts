import { closeSync } from 'node:fs'
import type { Server } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { discardListeningHandle, isClusters, listeningHandle } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'
import { boundAddress, requestedAddress } from './address.ts'
import type { Hold } from './hold.ts'
import { type InheritedListener, type InheritedListeners, mismatch } from './inheritance.ts'
import { claim } from './listen-claim.ts'
import type { Attempt, ListenCallsObserver, Records } from './listen-records.ts'
import type { Listener, ListenMessage } from './listener.ts'
import { Loans } from './loans.ts'
import { unixPathOf } from './unix-path.ts'

/** Handles calls of `listen()`: each adopts the socket that the process inherited for its address. */
export class ListenCalls {
  readonly #system: System
  readonly #inherited: InheritedListeners
  readonly #hold: Hold
  readonly #loans: Loans
  readonly #know: Records
  readonly #observer: ListenCallsObserver

  constructor(
    system: System,
    { inherited, hold }: { readonly inherited: InheritedListeners; readonly hold: Hold },
    know: Records,
    observer: ListenCallsObserver,
  ) {
    this.#system = system
    this.#inherited = inherited
    this.#hold = hold
    this.#know = know
    this.#observer = observer
    this.#loans = new Loans(system, { inherited, hold }, know, (server) => observer.onFailed(server))
  }

  /** A call has begun; the server is not bound yet. */
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
      // A descriptor or another path cannot be set on a frozen object: this server binds its address by
      // itself.
      const frozen = { owner: this, original: options }
      const requested = requestedAddress(options)
      known.attempt = { ...unaided, given: options, claim: frozen, options, requested }
      return
    }
    const claimed = claim(options, this)
    // Changes by another copy of the package are undone by now.
    const requested = requestedAddress(options)
    const own = requested === undefined ? undefined : this.#inherited.take(requested)
    const inherited = own ?? this.#loans.lend(server, requested)
    const isHeld = inherited && this.#prepareHold(server, inherited, own === undefined)
    const unixPath = unixPathOf(requested, this.#system)
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
    // With a descriptor, Node listens at once, unless it throws because of another option.
    queueMicrotask(() => {
      if (known.attempt !== attempt) return
      delete known.attempt
      isHeld?.()
      this.#inherited.offer(inherited)
    })
  }

  /**
   * A call has ended without an error.
   * @returns the listening server; undefined if it does not listen, or if zerodrop does not manage it
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
      // The path passed to `listen()` may differ from the path of the manager's socket.
      if (found !== inherited.bound && inherited.foreign !== true) {
        this.#refuse(server, mismatch(inherited.fd, inherited.bound, found))
        return undefined
      }
    }
    if (inherited !== undefined && lent === true) {
      this.#loans.end(server, options)
      return undefined
    }
    // Perhaps during the call.
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
