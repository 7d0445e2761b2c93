import { keepsListeningHandle, type ListeningHandle, onListeningHandle } from '../system/node-internals.ts'
import { shadow } from '../system/shadow.ts'
import type { Release, System } from '../system/system.ts'
import type { Server } from 'node:net'

/** The native handle of a UDP socket. */
export interface ReceivingHandle {
  recvStart(): number
  close(callback?: () => void): void
}

/** Callbacks for a held socket. */
export interface HeldSocket {
  /** Whether it is only lent: then it never accepts, and its server does not keep it. */
  readonly lent?: boolean
  /** The application has closed it. The descriptor is still open. */
  onClosed(): void
  /** The kernel has refused to open it, for this reason. */
  onFailed(status: number): void
}

/**
 * Keeps inherited sockets from accepting or receiving until this process may serve. To the application they
 * listen: Node emits `'listening'` and knows the address. Only the last step waits, in which the handle
 * begins to accept or to receive; connections that arrive in the meantime go to the predecessor, which has
 * the same sockets.
 *
 * A held socket that the application closes stays open here, so that another `listen()` can have it: a program that probes
 * for a free port closes what it has opened. For that reason, sockets from a keeper or from `LISTEN_FDS` are
 * held in a process without a predecessor too, each for the event loop tick in which it listens.
 */
export class Hold {
  readonly #system: System
  readonly #forOneTurn: boolean
  /** The functions that open the held sockets, without the lent ones. */
  readonly #held = new Set<() => void>()
  #stopHolding: Release | undefined
  #holds = true

  /** @param underPredecessor whether there is a predecessor that serves until this process may */
  constructor(system: System, underPredecessor: boolean) {
    this.#system = system
    this.#forOneTurn = !underPredecessor
  }

  /** False once this process may serve: later listeners accept at once. */
  get holds(): boolean {
    return this.#holds
  }

  /** Whether a socket that this server adopts now would be held. */
  canHold(server: Server): boolean {
    return this.#holds && keepsListeningHandle(server)
  }

  /**
   * Holds the socket that the server's current `listen()` adopts.
   * @returns a function to call when the server listens: it undoes the preparation, and returns whether the
   * hold has worked
   */
  prepare(server: Server, socket: HeldSocket): () => boolean {
    let held = false
    const release = onListeningHandle(server, (handle) => {
      held = true
      this.#holdListening(handle, socket)
    })
    return () => {
      release?.()
      return held
    }
  }

  #holdListening(handle: ListeningHandle, socket: HeldSocket): void {
    let backlog = 0
    const listen = shadow(handle, 'listen', () => (wanted: number) => {
      backlog = wanted
      return 0
    })
    this.#hold(handle, socket, () => {
      listen()
      return handle.listen(backlog)
    })
  }

  /** Holds a UDP socket whose descriptor the handle has just adopted. */
  receiving(handle: ReceivingHandle, socket: HeldSocket): void {
    let wanted = false
    const recvStart = shadow(handle, 'recvStart', () => () => {
      wanted = true
      return 0
    })
    this.#hold(handle, socket, () => {
      recvStart()
      return wanted ? handle.recvStart() : 0
    })
  }

  /** Lets all held sockets accept. Calling it again does nothing. */
  open(): void {
    this.#holds = false
    for (const open of this.#held) open()
    this.#held.clear()
    this.#update()
  }

  #hold(handle: { close(callback?: () => void): void }, socket: HeldSocket, begin: () => number): void {
    const close = shadow(handle, 'close', () => (callback?: () => void) => {
      this.#held.delete(open)
      this.#update()
      socket.onClosed()
      if (callback !== undefined) this.#system.setImmediate(callback)
    })
    const open = (): void => {
      close()
      const status = begin()
      if (status !== 0) socket.onFailed(status)
    }
    if (socket.lent === true) return
    this.#held.add(open)
    this.#update()
    if (!this.#forOneTurn) return
    this.#system.setImmediate(() => {
      if (!this.#held.delete(open)) return
      this.#update()
      open()
    })
  }

  /** Keeps the process alive while a socket is held: unlike a listening handle, a held one does not. */
  #update(): void {
    if (this.#held.size > 0) this.#stopHolding ??= this.#system.hold()
    else {
      this.#stopHolding?.()
      this.#stopHolding = undefined
    }
  }
}
