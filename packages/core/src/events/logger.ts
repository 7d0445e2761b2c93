/**
 * A logger with the shape of pino's and of Fastify's `app.log`: each method takes fields and a message.
 */
export interface Logger {
  /** Logs intermediate steps. */
  debug(fields: object, message: string): void
  /** Logs the normal steps of a stop or restart. */
  info(fields: object, message: string): void
  /** Logs events that need an operator's attention. */
  warn(fields: object, message: string): void
  /** Logs failures. */
  error(fields: object, message: string): void
}

export type Level = keyof Logger

const levels: readonly Level[] = ['debug', 'info', 'warn', 'error']

export function isLogger(value: unknown): value is Logger {
  if (typeof value !== 'object' || value === null) return false
  return levels.every((level) => typeof (value as Partial<Logger>)[level] === 'function')
}
