import { type EventEmitter, errorMonitor } from 'node:events'
import type { ListenOptions, Server } from 'node:net'
import type { Release, System } from '../system/system.ts'

/**
 * The sockets that this process is about to open. A port accepts from inside `listen()` on, before Node
 * emits 'listening', so everything that must be in place by then starts here.
 *
 * Node calls back for most attempts within `listen()` itself. Two kinds take longer: the lookup of a host,
 * and a cluster worker's request to its primary. If they fail, they emit 'error', and `close()` gives them
 * up with 'close'.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (lookupAndListen, listenInCluster)
 */
export class Openings {
  readonly #system: Pick<System, 'incapacity' | 'setImmediate'>
  #onChange: () => void = () => {}
  /** The sockets, each with a function that stops waiting for its attempt. */
  readonly #underWay = new Map<object, Release>()

  constructor(system: Pick<System, 'incapacity' | 'setImmediate'>) {
    this.#system = system
  }

  /** Calls back when an attempt begins, and when one has failed. */
  onChange(listener: () => void): void {
    this.#onChange = listener
  }

  get size(): number {
    return this.#underWay.size
  }

  /** `listen()` has begun. It can end by `succeed()` and `fail()`; Openings itself sees a throw, a failed lookup and `close()`. */
  listen(server: Server, options: ListenOptions & { fd?: number }): void {
    // The types of a server have only its own events.
    const emitter: EventEmitter = server
    const fail = (): void => {
      // Another call of `listen()` may have followed.
      if (this.#underWay.get(server) === release) this.fail(server)
    }
    const release: Release = () => {
      emitter.off(errorMonitor, fail)
      emitter.off('close', fail)
    }
    this.#begin(server, release)
    if (outlastsItsCall(options, this.#system.incapacity === 'cluster-worker')) {
      // Unlike a listener of 'error', this does not count as handling the error.
      emitter.on(errorMonitor, fail)
      emitter.on('close', fail)
    } else queueMicrotask(fail)
  }

  /** A UDP socket is about to be bound. */
  bind(socket: object): void {
    this.#begin(socket, () => {})
  }

  /** The socket is open. */
  succeed(socket: object): void {
    this.#underWay.get(socket)?.()
    this.#underWay.delete(socket)
  }

  /**
   * The socket is not open. It counts for two more event loop ticks: Node drops a signal that the kernel has
   * delivered but the event loop has not when its last handler is removed.
   */
  fail(socket: object): void {
    const release = this.#underWay.get(socket)
    if (release === undefined) return
    release()
    const ended: Release = () => {}
    this.#underWay.set(socket, ended)
    this.#system.setImmediate(() =>
      this.#system.setImmediate(() => {
        if (this.#underWay.get(socket) !== ended) return
        this.#underWay.delete(socket)
        this.#onChange()
      }),
    )
  }

  #begin(socket: object, release: Release): void {
    this.#underWay.get(socket)?.()
    this.#underWay.set(socket, release)
    this.#onChange()
  }
}

/** Whether Node continues a call of `listen()` after it has returned. It throws for invalid options. */
function outlastsItsCall(
  { exclusive, fd, host, path, port, signal }: ListenOptions & { fd?: number },
  isClusterWorker: boolean,
): boolean {
  if (signal !== undefined && !(signal instanceof AbortSignal)) return false
  // JavaScript can pass anything.
  const looksUp = Boolean(host)
  if (looksUp && typeof host !== 'string') return false
  if (isClusterWorker && exclusive !== true)
    return isPort(port) || typeof path === 'string' || fd !== undefined
  return fd === undefined && isPort(port) && looksUp
}

/** As Node's `validatePort()`: Node's types know numbers only. */
function isPort(port: unknown): boolean {
  if (typeof port !== 'number' && (typeof port !== 'string' || port.trim() === '')) return false
  const number = Number(port)
  return Number.isInteger(number) && number >= 0 && number <= 0xff_ff
}
