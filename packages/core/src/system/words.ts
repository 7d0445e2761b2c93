import { readFileSync } from 'node:fs'
import path from 'node:path'
import { workingDirectory } from './real-path.ts'
import { isSingleExecutable } from './single-executable.ts'

/** The words of this process's command line, behind the name of the program. */
export interface Words {
  /** Those for Node. Empty where somebody has changed `process.execArgv`: then it is not known which they are. */
  readonly options: readonly string[]
  /** Those behind them: the script, if there is one, and its arguments. */
  readonly rest: readonly string[]
  /** The script as it was typed; undefined for `-e` and its like, and where it is not known which it is. */
  readonly script: string | undefined
}

/** @param preload the file by which a predecessor has added two words, which are left out */
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
 * As Linux keeps them: a relative path is still relative, and what a loader such as ts-node has changed in `process.argv`
 * is as it was typed. A process that has a title of its own has overwritten them.
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
  // There Node puts the name of the program in the place of the script.
  if (isSingleExecutable()) return { options: [], rest: args, script: undefined }
  const options = [...process.execArgv]
  if (script === undefined) return { options, rest: [], script }
  if (!isEvaluated(options)) {
    const typed = relative(script)
    return { options, rest: [typed, ...args], script: typed }
  }
  return { options, rest: [...(script.startsWith('-') ? ['--'] : []), script, ...args], script: undefined }
}

/** Node has made the script absolute, without symlinks: a moved one is followed only by a relative path. */
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
