import { readFileSync } from 'node:fs'
import path from 'node:path'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { nearest } from './option-checks.ts'
import { checkOptions, defaults, type LifecycleOptions } from './options.ts'

/** An option, and the place where it was found. */
interface Found {
  readonly name: string
  readonly value: unknown
  readonly origin: string
}

const prefix = 'ZERODROP_'

/**
 * The options for an application that sets none itself: the ones of the nearest package.json under
 * "zerodrop", overridden by variables such as `ZERODROP_DRAIN_TIMEOUT` for `drainTimeout`.
 * @param folder where the search for package.json begins
 * @throws what `checkOptions` throws; the message says where the option comes from
 */
export function foundOptions(folder: string, environment: Readonly<NodeJS.ProcessEnv>): LifecycleOptions {
  const options: Record<string, unknown> = {}
  for (const { name, value, origin } of [...inManifest(folder), ...inEnvironment(environment)]) {
    try {
      checkOptions({ [name]: value })
    } catch (error) {
      const { code, message } = error as ZerodropError
      throw new ZerodropError(code, `${message} It comes from ${origin}.`, { cause: error })
    }
    options[name] = value
  }
  return options
}

function inManifest(folder: string): Found[] {
  const file = path.join(folder, 'package.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    const parent = path.dirname(folder)
    return parent === folder ? [] : inManifest(parent)
  }
  const origin = `"zerodrop" in ${file}`
  const options = (parsed(text) as { zerodrop?: unknown } | null | undefined)?.zerodrop
  if (options === undefined) return []
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new ZerodropError('ERR_ZERODROP_OPTION_INVALID', `Expected ${origin} to be an object of options.`)
  return Object.entries(options).map(([name, value]) => ({ name, value: unquoted(name, value), origin }))
}

function inEnvironment(environment: Readonly<NodeJS.ProcessEnv>): Found[] {
  const given = Object.entries(environment).filter(([variable]) => variable.startsWith(prefix))
  // Nearly always: the names of all variables take a millisecond of a server's startup.
  if (given.length === 0) return []
  const names = new Map(Object.keys(defaults).map((name) => [variableOf(name), name]))
  return given.flatMap(([variable, text]) => {
    if (text === undefined || text === '') return []
    const name = names.get(variable)
    if (name === undefined) {
      // Other variables with that prefix are not options, unless the name is a typo of one.
      refuseSlip(variable, [...names.keys()])
      return []
    }
    const origin = `the environment variable ${variable}`
    return [{ name, value: unquoted(name, fromText(name, text)), origin }]
  })
}

function refuseSlip(variable: string, known: readonly string[]): void {
  const meant = nearest(variable, known)
  if (meant === undefined) return
  const text = `zerodrop has no option for the environment variable ${variable}. Did you mean ${meant}?`
  throw new ZerodropError('ERR_ZERODROP_OPTION_UNKNOWN', text)
}

/** `drainTimeout` is `ZERODROP_DRAIN_TIMEOUT`. */
function variableOf(name: string): string {
  return prefix + name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

/** A variable contains JSON, or otherwise text. A path is text. */
function fromText(name: string, text: string): unknown {
  return typeof defaults[name as keyof typeof defaults] === 'undefined' ? text : (parsed(text) ?? text)
}

/** JSON has no Infinity. */
function unquoted(name: string, value: unknown): unknown {
  const isDuration = typeof defaults[name as keyof typeof defaults] === 'number'
  return isDuration && value === 'Infinity' ? Infinity : value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
