import { inspect } from 'node:util'

/**
 * Why something failed, in words. Anything can be thrown: what has no message, what cannot be made a string, and what
 * throws when it is looked at.
 */
export function reasonOf(cause: unknown): string {
  try {
    return cause instanceof Error && typeof cause.message === 'string' ? cause.message : show(cause)
  } catch {
    return 'something that cannot be shown'
  }
}

/** A value as a person reads it. Never throws. */
export function show(value: unknown): string {
  try {
    return inspect(value, { depth: 0 })
  } catch {
    return 'something that cannot be shown'
  }
}
