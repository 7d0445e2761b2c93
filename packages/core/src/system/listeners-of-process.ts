import { shadow } from './shadow.ts'

export type Listener = ((...args: unknown[]) => unknown) & { readonly [immediateKey]?: unknown }

/** A handler that has this property, with the value true, learns of a held signal at once. Anybody may set it. */
export const immediateKey: unique symbol = Symbol.for('zerodrop.immediate')

/** As they stand in the list: those added by `once()` in the wrapper that takes them off when it is called. */
export function listenersOf(name: string | symbol): Listener[] {
  return process.rawListeners(name) as Listener[]
}

export function unwrapped(listener: Listener & { readonly listener?: Listener }): Listener {
  return listener.listener ?? listener
}

/** By what a person finds a function in the source. */
export function describe(handler: Listener): string {
  if (handler.name !== '') return handler.name
  const source = String(handler).replaceAll(/\s+/g, ' ')
  return source.length > 60 ? `${source.slice(0, 59)}…` : source
}

/**
 * Calls a handler, and tells whether it looked who else listens. Handlers that leave the end of the process to others do,
 * such as signal-exit's (https://github.com/tapjs/signal-exit/blob/v4.1.0/src/index.ts).
 */
export function looksAround(call: () => unknown): { result: unknown; looked: boolean } {
  let looked = false
  const releases = (['listenerCount', 'listeners', 'rawListeners'] as const).map((name) =>
    shadow(process, name, (original) => (...args: never[]): never => {
      looked = true
      return Reflect.apply(original, process, args) as never
    }),
  )
  try {
    return { result: call(), looked }
  } finally {
    for (const release of releases) release()
  }
}
