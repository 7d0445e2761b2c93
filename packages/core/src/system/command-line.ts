import path from 'node:path'
import { type Boot, bootKey, inheritVariableName } from './boot.ts'
import { folderOf, ownBinary } from './found-program.ts'
import { keeperKey } from './keeper-protocol.ts'
import { movedPreload, ownPreload, type Start, startWith } from './preloading.ts'
import { realPath } from './real-path.ts'
import { StartDirectory } from './start-directory.ts'
import { startEnvironment } from './start-environment.ts'
import type { CommandLine } from './system.ts'
import { commandWords } from './words.ts'

export interface RecordedCommandLine extends CommandLine {
  /** The command line of a successor in this environment. */
  start(env: Readonly<NodeJS.ProcessEnv>): Start
  /** The preload of a successor; undefined if there is none. */
  preload(): string | undefined
  /** The arguments after the program's name, as this process was started. */
  readonly words: readonly string[]
  /** The script as it was typed; undefined if it is unknown or if there is none. */
  readonly script: string | undefined
}

const rememberedKey = Symbol.for('zerodrop.command-line.v1')

/**
 * Records how this process was started before its program runs, because the program may change the traces of
 * that.
 */
export function rememberCommandLine(): void {
  // A successor whose preload has not run yet records it later.
  if (process.env[inheritVariableName] !== undefined) return
  const { [bootKey]: boot, [keeperKey]: keeper } = globalThis as {
    [bootKey]?: Boot
    [keeperKey]?: { readonly preload: string | undefined }
  }
  const file = boot?.file ?? keeper?.preload
  Object.defineProperty(globalThis, rememberedKey, { value: recordCommandLine(file) })
}

/** What `rememberCommandLine()` has recorded, if it was called. */
export function rememberedCommandLine(): RecordedCommandLine | undefined {
  return (globalThis as { [rememberedKey]?: RecordedCommandLine })[rememberedKey]
}

/**
 * Records how this process was started, so that a restart can resolve its paths again. Call it as early as
 * possible.
 * @param preload the file that a predecessor preloaded in this process
 */
export function recordCommandLine(preload: string | undefined): RecordedCommandLine {
  const words = commandWords(preload)
  const directory = new StartDirectory(words)
  /** The real path of the program, which is in another release once a symlink has moved. */
  const place = (): string | undefined => {
    const { script } = words
    return script === undefined
      ? realPath(directory.current)
      : folderOf(path.resolve(directory.current, script))
  }
  const first = place()
  const own = ownPreload()
  const moved = (): string | undefined => own && movedPreload(own, first, place())
  return {
    command: nodeBinary(directory.logical),
    start: (env) => startWith(moved(), words, env),
    preload: moved,
    words: [...words.options, ...words.rest],
    script: words.script,
    get cwd() {
      return directory.current
    },
    env: startEnvironment(preload),
  }
}

/** The binary as it was typed, resolved again at each restart. */
function nodeBinary(directory: string): () => string {
  const { execPath } = process
  const typed = ownBinary(directory)
  if (typed === undefined) return () => execPath
  return () => (realPath(typed) === undefined ? execPath : typed)
}
