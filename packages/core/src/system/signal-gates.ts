import type { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { withoutLeakWarnings } from './leak-warnings.ts'
import {
  describe,
  immediateKey,
  type Listener,
  listenersOf,
  looksAround,
  unwrapped,
} from './listeners-of-process.ts'
import type { Release, SignalHandler } from './system.ts'

/** The function that replaces a handler in the list of a signal's listeners. */
interface Gate extends Listener {
  /** The handler, as `once()` notes it in its wrapper: `process.off()` and `process.listeners()` look here. */
  readonly listener: Listener
}

/** A signal that zerodrop handles. */
interface Watched {
  /** Our own handlers: the preload's, and then the lifecycle's. */
  readonly own: Set<Listener>
  /** How many of them hold the signal back from other code's handlers. */
  holds: number
  /** Whether it is held back until the end of this delivery, because it was when the delivery began. */
  delivering: boolean
  /** Other code's handlers that have run since the signal was first watched. */
  readonly heard: WeakSet<Listener>
}

const gatesKey = Symbol.for('zerodrop.signal-gates.v1')

/** The gates of this process, shared by every copy of the package and by the preload. */
export function signalGates(): SignalGates {
  const registry = globalThis as { [gatesKey]?: SignalGates }
  registry[gatesKey] ??= new SignalGates()
  return registry[gatesKey]
}

/**
 * Holds signals back from handlers that other code adds with `process.on()`, for as long as zerodrop needs,
 * and knows which of these handlers have run.
 *
 * A gate replaces each handler, whether it was added before zerodrop or later. The number of listeners stays
 * right, and `process.off()`, `process.listeners()` and `process.once()` work as usual. `process.emit` stays
 * Node's own: Node binds it when a signal gets its first listener. To bind another function, all listeners
 * would have to be removed, and Node would drop a signal that the kernel has delivered but the event loop
 * has not (https://github.com/nodejs/node/blob/v24.0.0/lib/internal/process/signal.js).
 */
export class SignalGates {
  readonly #watched = new Map<string | symbol, Watched>()
  /** The listeners that maintain the lists, in the order in which they are added. */
  readonly #keepers: [event: 'newListener' | 'removeListener', listener: Listener][] = [
    ['newListener', (name) => this.#onAdded(name as string | symbol)],
    ['removeListener', (name, listener) => this.#onRemoved(name as string | symbol, listener as Listener)],
  ]
  /** Every gate, and whether its handler runs only once. */
  readonly #gates = new WeakMap<Listener, boolean>()
  #watches = 0
  #placing = false

  /**
   * Calls `own` at a signal, before other code's handlers.
   * @param holds whether to hold the signal back from these handlers, except for marked ones
   */
  watch(signal: NodeJS.Signals, own: Listener, holds: boolean): Release {
    const watched = this.#of(signal)
    const onSignal = (...args: unknown[]): void => {
      if (watched.holds > 0 && !watched.delivering) {
        watched.delivering = true
        queueMicrotask(() => {
          watched.delivering = false
        })
      }
      own(...args)
    }
    watched.own.add(onSignal)
    if (holds) watched.holds++
    this.#watches++
    this.#keep()
    this.#place(signal)
    let released = false
    return () => {
      if (released) return
      released = true
      if (holds) watched.holds--
      watched.own.delete(onSignal)
      process.off(signal, onSignal)
      if (--this.#watches > 0) return
      for (const [event, listener] of this.#keepers) process.off(event, listener)
    }
  }

  /** Other code's handlers that have not run since the signal was first watched. */
  unheard(signal: NodeJS.Signals): readonly SignalHandler[] {
    const { own, heard } = this.#of(signal)
    return listenersOf(signal).flatMap((listener) => {
      const handler = unwrapped(listener)
      if (own.has(handler) || heard.has(handler)) return []
      const call = (): unknown => {
        heard.add(handler)
        if (this.#gates.get(listener) ?? handler !== listener) process.off(signal, listener)
        const args = [signal, constants.signals[signal]]
        const { result, looked } = looksAround(() => Reflect.apply(handler, process, args))
        entry.looked = looked
        return result
      }
      const entry = { name: describe(handler), looked: false, call }
      return [entry]
    })
  }

  #onAdded(name: string | symbol): void {
    // Node adds the handler after this event, and delivers no signal before the microtasks have run.
    if (this.#watched.has(name) && !this.#placing) queueMicrotask(() => this.#place(name as NodeJS.Signals))
  }

  /**
   * Other code may remove its own listeners, also with `removeAllListeners()`, but not zerodrop's. A signal
   * without a listener would end the process at once, so the last one is added again before Node notices the
   * removal: Node's own listener of this event runs after ours. Earlier, `removeAllListeners()` would loop
   * over a changing list.
   */
  #onRemoved(name: string | symbol, listener: Listener): void {
    if (this.#placing || this.#watches === 0) return
    const watched = this.#watched.get(name)
    if (watched !== undefined && process.listenerCount(name) === 0) this.#place(name as NodeJS.Signals)
    else if (watched?.own.has(listener) === true) queueMicrotask(() => this.#place(name as NodeJS.Signals))
    // For `removeAllListeners()` of all events, which then also forgets the listeners that were added again.
    else if (this.#keepers.some((keeper) => keeper[1] === listener)) queueMicrotask(() => this.#restore())
  }

  #restore(): void {
    this.#keep()
    for (const signal of this.#watched.keys()) this.#place(signal as NodeJS.Signals)
  }

  /** Begins to maintain the lists, again if other code has removed its listeners. */
  #keep(): void {
    if (this.#watches === 0) return
    const lists: EventEmitter = process
    for (const [event, listener] of this.#keepers)
      if (!listenersOf(event).includes(listener)) lists.prependListener(event, listener)
  }

  /**
   * Puts our own handlers first, each once, and gives every other handler a gate, in order. Our handlers
   * keep the signal handled in the meantime.
   */
  #place(signal: NodeJS.Signals): void {
    const { own } = this.#of(signal)
    if (own.size === 0) return
    const all = listenersOf(signal)
    const others = all.filter((listener) => !own.has(listener))
    const missing = [...own].filter((listener) => !all.includes(listener))
    const excess = all.filter((listener, index) => own.has(listener) && all.indexOf(listener) < index)
    const isInOrder = excess.length === 0 && others.every((listener) => this.#gates.has(listener))
    this.#placing = true
    withoutLeakWarnings(() => {
      for (const listener of missing) process.prependListener(signal, listener)
      if (isInOrder) return
      for (const listener of [...excess, ...others]) process.off(signal, listener)
      for (const listener of others)
        process.on(signal, this.#gates.has(listener) ? listener : this.#gate(signal, listener))
    })
    this.#placing = false
  }

  #gate(signal: NodeJS.Signals, listener: Listener): Gate {
    const handler = unwrapped(listener)
    const once = handler !== listener
    const watched = this.#of(signal)
    const pass = (...args: unknown[]): unknown => {
      const held = watched.holds > 0 || watched.delivering
      if (held && handler[immediateKey] !== true) return undefined
      watched.heard.add(handler)
      if (once) process.off(signal, gate)
      return Reflect.apply(handler, process, args)
    }
    const gate: Gate = Object.assign(pass, { listener: handler })
    this.#gates.set(gate, once)
    return gate
  }

  #of(signal: NodeJS.Signals): Watched {
    const watched = this.#watched.get(signal)
    if (watched !== undefined) return watched
    const fresh: Watched = { own: new Set(), holds: 0, delivering: false, heard: new WeakSet() }
    this.#watched.set(signal, fresh)
    return fresh
  }
}
