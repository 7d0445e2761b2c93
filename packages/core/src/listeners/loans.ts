import type { ListenOptions, Server } from 'node:net'
import { discardListeningHandle, listeningHandle } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'
import type { Address } from './address.ts'
import type { Hold } from './hold.ts'
import type { InheritedListener, InheritedListeners } from './inheritance.ts'
import { listenQuietly } from './listen-quietly.ts'
import type { Records } from './listen-records.ts'

/**
 * Lends inherited sockets to programs that look for a free port. Such a program listens on several addresses
 * of a port, one after another. The kernel would refuse addresses that the predecessor's socket includes,
 * although they are free at a first start. So for one tick such a server borrows that socket and accepts
 * nothing. If it still listens after that, it is not a probe, and the kernel decides.
 */
export class Loans {
  readonly #system: System
  readonly #inherited: InheritedListeners
  readonly #hold: Hold
  readonly #know: Records
  readonly #onFailed: (server: Server) => void

  constructor(
    system: System,
    { inherited, hold }: { readonly inherited: InheritedListeners; readonly hold: Hold },
    know: Records,
    onFailed: (server: Server) => void,
  ) {
    this.#system = system
    this.#inherited = inherited
    this.#hold = hold
    this.#know = know
    this.#onFailed = onFailed
  }

  /**
   * Lends a server the socket that includes an address, if there is one and the server has not had it before.
   */
  lend(server: Server, requested: Address | undefined): InheritedListener | undefined {
    const known = this.#know(server)
    const wasLent = known.wasLent === true
    delete known.wasLent
    if (wasLent || !this.#hold.canHold(server) || requested === undefined) return undefined
    return this.#inherited.lend(requested)
  }

  /** Ends a loan after this tick: a server that still listens then gets its own socket. */
  end(server: Server, options: ListenOptions): void {
    const handle = listeningHandle(server)
    this.#system.setImmediate(() => {
      if (handle === undefined || listeningHandle(server) !== handle) return
      discardListeningHandle(server)
      this.#know(server).wasLent = true
      listenQuietly(server, options, (error) => {
        if (error === undefined) return
        this.#onFailed(server)
        server.emit('error', error)
      })
    })
  }
}
