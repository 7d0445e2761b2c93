import type { ListenOptions, Server } from 'node:net'
import { discardListeningHandle, listeningHandle } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'
import type { Address } from './address.ts'
import type { Hold } from './hold.ts'
import type { InheritedListener, InheritedListeners } from './inheritance.ts'
import { listenQuietly } from './listen-quietly.ts'
import type { Records } from './listen-records.ts'

/**
 * Lends inherited sockets to programs that look for a free port. Such a program listens on several addresses of it, one
 * after another. The kernel would refuse those that the predecessor's socket stands for as well, which a first start
 * finds free: so for one turn such a server is lent that socket, and accepts nothing. One that still listens then is no
 * probe, and the kernel decides.
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

  /** Lends a server the socket that stands for an address, if there is one and the server has not had it. */
  lend(server: Server, requested: Address | undefined): InheritedListener | undefined {
    const known = this.#know(server)
    const wasLent = known.wasLent === true
    delete known.wasLent
    if (wasLent || !this.#hold.canHold(server) || requested === undefined) return undefined
    return this.#inherited.lend(requested)
  }

  /** Ends a loan after this turn: a server that still listens then listens on a socket of its own. */
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
