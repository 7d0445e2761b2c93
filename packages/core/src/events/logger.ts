/**
 * A logger with the shape of pino's and of Fastify's `app.log`: each method takes fields and a message.
 */
export interface Logger {
  /** For the steps in between. */
  debug(fields: object, message: string): void
  /** For what happens in the ordinary course of a stop or restart. */
  info(fields: object, message: string): void
  /** For what an operator should look at. */
  warn(fields: object, message: string): void
  /** For what has failed. */
  error(fields: object, message: string): void
}

export type Level = keyof Logger

const levels: readonly Level[] = ['debug', 'info', 'warn', 'error']

export function isLogger(value: unknown): value is Logger {
  if (typeof value !== 'object' || value === null) return false
  return levels.every((level) => typeof (value as Partial<Logger>)[level] === 'function')
}
