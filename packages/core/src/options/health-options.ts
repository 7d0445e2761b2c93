import type { HealthCheckOptions, HealthOptions } from '../health/options.ts'
import { checkBoolean, checkDuration, checkObject, invalid, unknown } from './option-checks.ts'

type Checks<Options> = { readonly [Name in keyof Required<Options>]: (value: unknown, name: string) => void }

const checks: Checks<HealthOptions> = {
  livez: checkPath,
  readyz: checkPath,
  port: checkPort,
  host: checkString,
  checks: checkChecks,
  verbose: (value, name) => checkBoolean(name, value),
}

const checksOfCheck: Checks<HealthCheckOptions> = {
  check: checkFunction,
  timeout: (value, name) => checkDuration(name, value),
  cache: (value, name) => checkDuration(name, value),
}

/**
 * Checks the option `health`.
 * @throws `ERR_ZERODROP_OPTION_UNKNOWN`, `ERR_ZERODROP_OPTION_INVALID`
 */
export function checkHealth(health: unknown): void {
  if (typeof health === 'boolean') return
  if (typeof health !== 'object' || health === null || Array.isArray(health))
    throw invalid('health', 'true, false or an object such as { port: 9000 }', health)
  checkAll('health', health, checks)
  const { livez = '/livez', readyz = '/readyz', host, port } = health as HealthOptions
  if (livez !== false && livez === readyz) throw invalid('health.readyz', 'another path than "livez"', readyz)
  if (host !== undefined && port === undefined)
    throw invalid('health.port', 'a number, since "host" is for a port of its own', port)
}

function checkAll(of: string, options: object, known: Checks<object>): void {
  const table = known as Record<string, (value: unknown, name: string) => void>
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(table, name)) throw unknown(name, Object.keys(table), `"${of}"`)
    if (value !== undefined) table[name]?.(value, `${of}.${name}`)
  }
}

function checkPath(value: unknown, name: string): void {
  if (value === false || (typeof value === 'string' && /^\/[^?#\s]*$/.test(value))) return
  throw invalid(name, 'a path such as "/livez", or false', value)
}

function checkPort(value: unknown, name: string): void {
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535) return
  throw invalid(name, 'a port from 0 to 65535', value)
}

function checkString(value: unknown, name: string): void {
  if (typeof value !== 'string' || value === '')
    throw invalid(name, 'an address or a name of this host', value)
}

function checkFunction(value: unknown, name: string): void {
  if (typeof value !== 'function') throw invalid(name, 'a function', value)
}

function checkChecks(value: unknown, name: string): void {
  checkObject(value, name)
  for (const [check, options] of Object.entries(value)) {
    if (typeof options === 'function') continue
    const place = `${name}.${check}`
    if (typeof options !== 'object' || options === null)
      throw invalid(place, 'a function, or an object { check, timeout, cache }', options)
    if (!Object.hasOwn(options, 'check')) throw invalid(`${place}.check`, 'a function', undefined)
    checkAll(place, options, checksOfCheck)
  }
}
