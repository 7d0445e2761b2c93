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

/** What stands in the list of a signal's listeners in place of a handler. */
interface Gate extends Listener {
  /** The handler, as `once()` notes it in its wrapper: `process.off()` and `process.listeners()` look here. */
  readonly listener: Listener
}

/** A signal that zerodrop handles. */
interface Watched {
  /** Our own handlers: the preload's, and then the lifecycle's. */
  readonly own: Set<Listener>
  /** How many of them keep the signal from the handlers of others. */
  holds: number
  /** Whether it is kept from them to the end of this delivery, because it was when the delivery began. */
  delivering: boolean
  /** The handlers of others that have been called since the signal was first watched. */
  readonly heard: WeakSet<Listener>
}

const gatesKey = Symbol.for('zerodrop.signal-gates.v1')

/** Those of this process, shared by every copy of the package and by our preload. */
export function signalGates(): SignalGates {
  const registry = globalThis as { [gatesKey]?: SignalGates }
  registry[gatesKey] ??= new SignalGates()
  return registry[gatesKey]
}

/**
 * Keeps signals from the handlers that other code puts on them with `process.on()`, for as long as zerodrop needs, and
 * knows which of them have heard of a signal.
 *
 * Each handler gets a gate in its place, whether it was there before zerodrop or comes later. The number of listeners
 * stays true, and so does what `process.off()`, `process.listeners()` and `process.once()` do. `process.emit` stays
 * Node's: Node binds it when a signal gets its first listener, and to bind another all of them would have to be taken
 * off, with which Node drops a signal that the kernel has delivered and the event loop has not
 * (https://github.com/nodejs/node/blob/v24.0.0/lib/internal/process/signal.js).
 */
export class SignalGates {
  readonly #watched = new Map<string | symbol, Watched>()
  /** What takes care of the lists of listeners, in the order in which it is put there. */
  readonly #keepers: [event: 'newListener' | 'removeListener', listener: Listener][] = [
    ['newListener', (name) => this.#onAdded(name as string | symbol)],
    ['removeListener', (name, listener) => this.#onRemoved(name as string | symbol, listener as Listener)],
  ]
  /** Every gate, with whether its handler is to be called once. */
  readonly #gates = new WeakMap<Listener, boolean>()
  #watches = 0
  #placing = false

  /**
   * Calls `own` at a signal, before the handlers of others.
   * @param holds whether these are kept from hearing of it, but for those that are marked
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

  /** The handlers of others that have not heard of a signal since it was first watched. */
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
    // Added behind this event, and no signal is delivered before the microtasks have run.
    if (this.#watched.has(name) && !this.#placing) queueMicrotask(() => this.#place(name as NodeJS.Signals))
  }

  /**
   * Others may remove theirs, by `removeAllListeners()` too, but not ours. A signal without a listener would end the
   * process at once, so the last is back before Node hears that it was removed: Node's own listener of this event is
   * behind ours. Earlier, the loop of `removeAllListeners()` would be over a list that changes.
   */
  #onRemoved(name: string | symbol, listener: Listener): void {
    if (this.#placing || this.#watches === 0) return
    const watched = this.#watched.get(name)
    if (watched !== undefined && process.listenerCount(name) === 0) this.#place(name as NodeJS.Signals)
    else if (watched?.own.has(listener) === true) queueMicrotask(() => this.#place(name as NodeJS.Signals))
    // As `removeAllListeners()` does for all events, which goes on to forget all that has been put back meanwhile.
    else if (this.#keepers.some((keeper) => keeper[1] === listener)) queueMicrotask(() => this.#restore())
  }

  #restore(): void {
    this.#keep()
    for (const signal of this.#watched.keys()) this.#place(signal as NodeJS.Signals)
  }

  /** Begins to take care of the lists, and does so again when somebody has put an end to it. */
  #keep(): void {
    if (this.#watches === 0) return
    const lists: EventEmitter = process
    for (const [event, listener] of this.#keepers)
      if (!listenersOf(event).includes(listener)) lists.prependListener(event, listener)
  }

  /**
   * Puts our own handlers first, each once, and gives each of the others that has none its gate, in order. Ours keep the
   * signal ours meanwhile.
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
