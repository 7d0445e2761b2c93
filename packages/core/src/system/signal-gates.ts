import { constants } from 'node:os'
import type { Release, SignalHandler } from './system.ts'

type Listener = ((...args: unknown[]) => unknown) & { readonly [immediateKey]?: unknown }

/** A handler that has this property, with the value true, hears of a held signal at once. Anybody may set it. */
export const immediateKey: unique symbol = Symbol.for('zerodrop.immediate')

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
    process.prependListener(signal, onSignal)
    this.#place(signal)
    if (this.#watches++ === 0) process.on('newListener', this.#onNewListener)
    let released = false
    return () => {
      if (released) return
      released = true
      if (holds) watched.holds--
      process.off(signal, onSignal)
      watched.own.delete(onSignal)
      if (--this.#watches === 0) process.off('newListener', this.#onNewListener)
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
        return Reflect.apply(handler, process, [signal, constants.signals[signal]])
      }
      return [{ name: describe(handler), call }]
    })
  }

  readonly #onNewListener = (name: string | symbol): void => {
    // Added behind this event, and no signal is delivered before the microtasks have run.
    if (this.#watched.has(name) && !this.#placing) queueMicrotask(() => this.#place(name as NodeJS.Signals))
  }

  /** Gives each handler that has none its gate, in order. Our own, which is first, keeps the signal ours meanwhile. */
  #place(signal: NodeJS.Signals): void {
    const { own } = this.#of(signal)
    const others = listenersOf(signal).filter((listener) => !own.has(listener))
    if (own.size === 0 || others.every((listener) => this.#gates.has(listener))) return
    this.#placing = true
    for (const listener of others) process.off(signal, listener)
    for (const listener of others)
      process.on(signal, this.#gates.has(listener) ? listener : this.#gate(signal, listener))
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

/** As they stand in the list: those added by `once()` in the wrapper that takes them off when it is called. */
function listenersOf(name: string | symbol): Listener[] {
  return process.rawListeners(name) as Listener[]
}

function unwrapped(listener: Listener & { readonly listener?: Listener }): Listener {
  return listener.listener ?? listener
}

/** By what a person finds a function in the source. */
function describe(handler: Listener): string {
  if (handler.name !== '') return handler.name
  const source = String(handler).replaceAll(/\s+/g, ' ')
  return source.length > 60 ? `${source.slice(0, 59)}…` : source
}
