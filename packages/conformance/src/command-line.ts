import { statSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { ParseArgsConfig } from 'node:util'
import { UsageError } from './command.ts'

/** Node's `parseArgs`, for which wrong arguments are a UsageError. */
export function parseCommandLine<Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** @throws UsageError unless it is a whole number within these bounds */
export function wholeNumber(option: string, text: string, [least, most]: [number, number]): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new UsageError(`${option} takes a whole number from ${least} to ${most}, not "${text}".`)
}

/** The absolute path of the script that `--server` names. @throws UsageError if there is none */
export function serverScript(file: string): string {
  const script = path.resolve(file)
  if (statSync(script, { throwIfNoEntry: false })?.isFile()) return script
  throw new UsageError(`--server ${file}: there is no such file.`)
}
