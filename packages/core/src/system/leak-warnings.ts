import { EventEmitter } from 'node:events'

/**
 * Adds listeners to `process` without Node's warning about many listeners, which would count zerodrop's
 * listeners as the application's, and restored listeners twice.
 */
export function withoutLeakWarnings(add: () => void): void {
  const usual = EventEmitter.defaultMaxListeners
  const most = process.getMaxListeners()
  EventEmitter.defaultMaxListeners = Infinity
  // It has its own limit if its limit differs from the default of all emitters.
  const isOwn = process.getMaxListeners() !== Infinity
  if (isOwn) process.setMaxListeners(Infinity)
  try {
    add()
  } finally {
    if (isOwn) process.setMaxListeners(most)
    EventEmitter.defaultMaxListeners = usual
  }
}
