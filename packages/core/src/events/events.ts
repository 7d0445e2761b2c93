import { EventEmitter } from 'node:events'
import { inspect } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'

/** What happens in the life of the process, by name, with its one payload. */
export interface LifecycleEvents {
  /** The process begins to drain. Once. */
  'drain:start': [{ reason: string }]
  /** Everything has ended, by itself or at the deadline. Once. */
  'drain:complete': [{ milliseconds: number; cut: number }]
  /** A successor is being started. */
  'restart:start': [{ generation: number }]
  /** The successor is ready: this process stops accepting and hands its connections over. */
  'restart:ready': [{ pid: number; generation: number }]
  /** The successor failed; this process goes on serving as if nothing had happened. */
  'restart:failed': [{ error: ZerodropError }]
  /** Something went wrong that no caller waits for. */
  warning: [{ error: ZerodropError }]
}

/** A typed emitter whose listeners cannot break what they watch. */
export class Events extends EventEmitter<LifecycleEvents> {
  /** Tells all listeners. Returns what one of them threw: the drain or restart that is under way goes on. */
  tell<Name extends keyof LifecycleEvents>(
    name: Name,
    ...payload: LifecycleEvents[Name]
  ): ZerodropError | undefined {
    try {
      ;(this as EventEmitter).emit(name, ...payload)
      return undefined
    } catch (cause) {
      const text = `A listener of the event "${name}" threw, and zerodrop went on without it: ${inspect(cause, { depth: 0 })}`
      return new ZerodropError('ERR_ZERODROP_LISTENER_FAILED', text, { cause })
    }
  }
}
