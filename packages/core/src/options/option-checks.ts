import { inspect } from 'node:util'
import { distance } from '../errors/distance.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'

/** @throws `ERR_ZERODROP_OPTION_INVALID` */
export function checkObject(options: unknown, name = 'options'): asserts options is object {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return
  throw invalid(name, name === 'options' ? 'an object such as { drainTimeout: 10000 }' : 'an object', options)
}

/** @throws `ERR_ZERODROP_OPTION_INVALID` */
export function checkDuration(name: string, value: unknown): void {
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0) {
    throw invalid(name, 'a number of milliseconds, 0 or more, or Infinity', value)
  }
}

/** @throws `ERR_ZERODROP_OPTION_INVALID` */
export function checkFiniteDuration(name: string, value: unknown): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw invalid(name, 'a number of milliseconds, 0 or more', value)
  }
}

/** @throws `ERR_ZERODROP_OPTION_INVALID` */
export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value)
}

/** @param of the object that the options belong to */
export function unknown(name: string, known: readonly string[], of = 'zerodrop'): ZerodropError {
  const meant = nearest(name, known)
  const advice = meant === undefined ? '' : ` Did you mean "${meant}"?`
  const text = `${of} has no option "${name}".${advice} Its options are ${known.join(', ')}.`
  return new ZerodropError('ERR_ZERODROP_OPTION_UNKNOWN', text)
}

export function invalid(name: string, expected: string, value: unknown): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_OPTION_INVALID',
    `Expected "${name}" to be ${expected}, got ${show(value)}.`,
  )
}

/** A value in an error's message. */
export function show(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 80, maxArrayLength: 5 })
}

/** The name that differs only in case or by a typo. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const slips = Math.min(2, Math.floor(name.length / 2))
  const typed = name.toLowerCase()
  return known
    .map((each) => ({ each, distance: distance(typed, each.toLowerCase()) }))
    .filter(({ distance: difference }) => difference <= slips)
    .sort((one, other) => one.distance - other.distance)[0]?.each
}
