import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:net'
import { listeningHandle, stopConnectionsChecking } from '../system/node-internals.ts'
import type { Release, System } from '../system/system.ts'
import { boundAddress } from './address.ts'
import { addressInUse } from './address-in-use.ts'
import type { Hold } from './hold.ts'
import type { InheritedListeners } from './inheritance.ts'
import { ListenCalls } from './listen-calls.ts'
import type { ServerRecord } from './listen-records.ts'
import { listenQuietly } from './listen-quietly.ts'
import type { Inheritable, Listener, ListenersObserver, ListenMessage } from './listener.ts'

/**
 * Finds every listening server of the process by itself, and lets each adopt its inherited socket.
 *
 * Node publishes `tracing:net.server.listen:asyncStart` inside `server.listen()` before the server is bound,
 * with the options object that it reads next: an `fd` set on it makes that call adopt the descriptor.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (Server.prototype.listen)
 */
export class Listeners {
  readonly inherited: InheritedListeners
  readonly #system: System
  readonly #hold: Hold
  readonly #known = new WeakMap<Server, ServerRecord>()
  readonly #listening = new Set<Listener>()
  #observer: ListenersObserver | undefined
  #calls: ListenCalls | undefined

  constructor(system: System, inherited: InheritedListeners, hold: Hold) {
    this.#system = system
    this.inherited = inherited
    this.#hold = hold
  }

  /** Begins to see every `listen()` of the process. */
  watch(observer: ListenersObserver): Release {
    this.#observer = observer
    const calls = this.#watchCalls(observer)
    this.#calls = calls
    const handlers: [string, (message: unknown) => void][] = [
      ['asyncStart', (message) => calls.start(message as ListenMessage)],
      ['asyncEnd', (message) => this.#onEnd(calls, (message as ListenMessage).server)],
      [
        'error',
        (message) => {
          const { server, error } = message as { server: Server; error: Error }
          calls.fail(server, error)
        },
      ],
    ]
    for (const [channel, handler] of handlers) subscribe(`${prefix}${channel}`, handler)
    return () => {
      for (const [channel, handler] of handlers) unsubscribe(`${prefix}${channel}`, handler)
    }
  }

  /** Adds a server that listened before `watch()`. */
  add(server: Server): void {
    const { ignored, listener } = this.#know(server)
    if (listener === undefined && ignored !== true)
      this.#track({ server, requested: boundAddress(server), options: {}, fresh: false, unixPath: undefined })
  }

  /** Leaves a server to the application, now and whenever it listens again. */
  ignore(server: Server): void {
    this.#know(server).ignored = true
    this.#forget(server)
    this.#observer?.onFailed(server)
  }

  get all(): readonly Listener[] {
    return [...this.#listening]
  }

  /** The sockets that a successor can inherit: each with its descriptor and its addresses. */
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
   * Lets a server that has stopped listening listen again on its socket, without notifying the application.
   * @param fd a descriptor of that socket; undefined to bind its address again
   * @param onDone called when it listens or has failed to
   */
  reopen(inheritable: Inheritable, fd: number | undefined, onDone: () => void): void {
    const { listener, requested, bound } = inheritable
    const { server, options } = listener
    const foreign = listener.foreign === true
    if (fd !== undefined) this.inherited.offer({ fd, requested, bound, foreign })
    listenQuietly(server, options, (error) => {
      if (error !== undefined) this.#observer?.onFailed(server)
      // The application may have no 'error' listener left, and must not crash.
      if (error !== undefined && server.listenerCount('error') > 0) server.emit('error', error)
      onDone()
    })
  }

  /** Joins a call of `listen()` in progress that `watch()` may have missed. */
  join(message: ListenMessage): void {
    this.#calls?.start(message)
  }

  #watchCalls(observer: ListenersObserver): ListenCalls {
    const { inherited } = this
    const parts = { inherited, hold: this.#hold }
    return new ListenCalls(this.#system, parts, (server) => this.#know(server), {
      ...observer,
      onRefused: (requested, error) => {
        const servers = this.all.map(({ server }) => server)
        if (error.code === 'EADDRINUSE')
          observer.onWarning(addressInUse(requested, { servers, inherited }, error))
      },
    })
  }

  #onEnd(calls: ListenCalls, server: Server): void {
    const listener = calls.end(server)
    if (listener !== undefined) this.#track(listener)
    if (this.#know(server).listener === undefined) this.#observer?.onFailed(server)
  }

  #track(listener: Listener): void {
    const { server } = listener
    const known = this.#know(server)
    if (known.listener === undefined) {
      const onClose = (): void => {
        // It listens again: it was closed before, but not for good.
        if (server.listening) return
        server.off('close', onClose)
        this.#forget(server)
        stopConnectionsChecking(server)
        this.#observer?.onClosed(server)
      }
      server.on('close', onClose)
    }
    this.#forget(server)
    known.listener = listener
    this.#listening.add(listener)
    this.#observer?.onListening(listener)
  }

  #forget(server: Server): void {
    const known = this.#know(server)
    if (known.listener !== undefined) this.#listening.delete(known.listener)
    delete known.listener
  }

  #know(server: Server): ServerRecord {
    const known = this.#known.get(server) ?? {}
    this.#known.set(server, known)
    return known
  }
}

const prefix = 'tracing:net.server.listen:'

/** The descriptor of a listening socket, which only the native handle has. Undefined on Windows. */
function descriptorOf(server: Server): number | undefined {
  const fd = listeningHandle(server)?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}
