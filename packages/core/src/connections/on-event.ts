import type { EventEmitter } from 'node:events'
import type { Release } from '../system/system.ts'

/** Adds a listener, and returns a function that removes it. */
export function onEvent<Args extends unknown[]>(
  emitter: EventEmitter,
  event: string,
  listener: (...args: Args) => void,
): Release {
  emitter.on(event, listener as (...args: unknown[]) => void)
  return () => emitter.off(event, listener as (...args: unknown[]) => void)
}
