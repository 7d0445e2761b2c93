import { shadow } from './shadow.ts'

export type Listener = ((...args: unknown[]) => unknown) & { readonly [immediateKey]?: unknown }

/** A handler with this property set to true gets a held signal at once. Any code may set it. */
export const immediateKey: unique symbol = Symbol.for('zerodrop.immediate')

/** The raw listeners: those added by `once()` are in the wrapper that removes them. */
export function listenersOf(name: string | symbol): Listener[] {
  return process.rawListeners(name) as Listener[]
}

export function unwrapped(listener: Listener & { readonly listener?: Listener }): Listener {
  return listener.listener ?? listener
}

/** Describes a function so that a person can find it in the source. */
export function describe(handler: Listener): string {
  if (handler.name !== '') return handler.name
  const source = String(handler).replaceAll(/\s+/g, ' ')
  return source.length > 60 ? `${source.slice(0, 59)}…` : source
}

/**
 * Calls a handler, and returns whether it checked for other listeners. Handlers that leave the end of the
 * process to others do that, such as signal-exit's
 * (https://github.com/tapjs/signal-exit/blob/v4.1.0/src/index.ts).
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
