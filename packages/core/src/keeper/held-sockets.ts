import type { ToKeeper } from '../system/keeper-protocol.ts'

/** A native handle of a socket, which never listens in this process. */
export interface Handle {
  readonly fd: number
  close(): void
}

/** The listening sockets of the application, of which the keeper holds a descriptor each. */
export class HeldSockets {
  readonly #sockets = new Map<string, { readonly handle: Handle; readonly requested: string }>()

  /** Holds a socket, in place of an earlier one at the same address. */
  keep({ bound, requested }: ToKeeper & { type: 'keep' }, handle: Handle): void {
    this.drop(bound)
    this.#sockets.set(bound, { handle, requested })
  }

  drop(bound: string): void {
    this.#sockets.get(bound)?.handle.close()
    this.#sockets.delete(bound)
  }

  get all(): { readonly bound: string; readonly requested: string; readonly descriptor: number }[] {
    return [...this.#sockets].map(([bound, { handle, requested }]) => ({
      bound,
      requested,
      descriptor: handle.fd,
    }))
  }

  /** @throws if the keeper does not hold a socket of that address */
  descriptorOf(bound: string): number {
    const descriptor = this.#sockets.get(bound)?.handle.fd
    if (descriptor === undefined)
      throw new Error(`the keeper has no socket of ${bound}; it may have had too many open files (EMFILE)`)
    return descriptor
  }
}
