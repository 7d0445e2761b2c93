import { inspect } from 'node:util'

/**
 * Describes in words why something failed. Any value can be thrown, even one without a message, one that
 * cannot be converted to a string, or one whose getters throw.
 */
export function reasonOf(cause: unknown): string {
  try {
    return cause instanceof Error && typeof cause.message === 'string' ? cause.message : show(cause)
  } catch {
    return 'something that cannot be shown'
  }
}

/** Formats a value for a message. Never throws. */
export function show(value: unknown): string {
  try {
    return inspect(value, { depth: 0 })
  } catch {
    return 'something that cannot be shown'
  }
}
