import { readFileSync } from 'node:fs'
import path from 'node:path'
import { workingDirectory } from './real-path.ts'
import { isSingleExecutable } from './single-executable.ts'

/** The arguments of this process's command line, after the program's name. */
export interface Words {
  /** The arguments for Node. Empty if `process.execArgv` was changed, because then they are unknown. */
  readonly options: readonly string[]
  /** The arguments after them: the script, if there is one, and its arguments. */
  readonly rest: readonly string[]
  /** The script as it was typed; undefined for `-e` and the like, and if it is unknown. */
  readonly script: string | undefined
}

/** @param preload the file for which a predecessor has added two arguments, which are left out */
export function commandWords(preload: string | undefined): Words {
  const words = typed()
  if (words === undefined) return rebuilt()
  const added = words.findIndex((word, index) => word === '--require' && words[index + 1] === preload)
  if (preload !== undefined && added >= 0) words.splice(added, 2)
  const { execArgv } = process
  if (isSingleExecutable() || !execArgv.every((option, index) => option === words[index]))
    return { options: [], rest: words, script: undefined }
  const rest = words.slice(execArgv.length)
  const [script] = rest[0] === '--' ? rest.slice(1) : rest
  return { options: [...execArgv], rest, script: isEvaluated(execArgv) ? undefined : script }
}

/**
 * The arguments as Linux stores them: relative paths are still relative, and changes of `process.argv` by a
 * loader such as ts-node do not show. A process that has set its title has overwritten them.
 */
function typed(): string[] | undefined {
  let line: string
  try {
    line = readFileSync('/proc/self/cmdline', 'utf8')
  } catch {
    return undefined
  }
  const [name, ...words] = line.split('\0').slice(0, -1)
  const isOverwritten = process.argv.length > 1 && words.every((word) => word === '')
  return name !== process.argv0 || isOverwritten ? undefined : words
}

function rebuilt(): Words {
  const [script, ...args] = process.argv.slice(1)
  // In that case Node puts the program's name in the place of the script.
  if (isSingleExecutable()) return { options: [], rest: args, script: undefined }
  const options = [...process.execArgv]
  if (script === undefined) return { options, rest: [], script }
  if (!isEvaluated(options)) {
    const typed = relative(script)
    return { options, rest: [typed, ...args], script: typed }
  }
  return { options, rest: [...(script.startsWith('-') ? ['--'] : []), script, ...args], script: undefined }
}

/**
 * Node has made the script's path absolute and resolved symlinks, so only a relative path follows a moved
 * symlink.
 */
function relative(script: string): string {
  const directory = workingDirectory()
  if (directory === undefined) return script
  const inside = path.relative(directory, script)
  return inside.startsWith('..') || path.isAbsolute(inside) ? script : `.${path.sep}${inside}`
}

/** Whether the program is among the options, so that no script follows them. */
function isEvaluated(options: readonly string[]): boolean {
  return options.some((option) => /^(-e|-p|-pe|--eval|--print)(=|$)/.test(option))
}
