import { EventEmitter } from 'node:events'

/**
 * Adds listeners to `process` without Node's warning that there are many. It counts ours among those of the application,
 * and would count again what is only put back.
 */
export function withoutLeakWarnings(add: () => void): void {
  const usual = EventEmitter.defaultMaxListeners
  const most = process.getMaxListeners()
  EventEmitter.defaultMaxListeners = Infinity
  // It has a limit of its own if that of all emitters is not its limit.
  const isOwn = process.getMaxListeners() !== Infinity
  if (isOwn) process.setMaxListeners(Infinity)
  try {
    add()
  } finally {
    if (isOwn) process.setMaxListeners(most)
    EventEmitter.defaultMaxListeners = usual
  }
}
