import path from 'node:path'
import { type Boot, bootKey, inheritVariableName } from './boot.ts'
import { keeperKey } from './keeper-protocol.ts'
import { preloadFile, type Start, startWith } from './preloading.ts'
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
  return {
    command: nodeBinary(directory.logical),
    start: (env) => startWith(preloadFile(first, place()), words, env),
    preload: () => preloadFile(first, place()),
    words: [...words.options, ...words.rest],
    get cwd() {
      return directory.current
    },
    env: startEnvironment(preload),
  }
}

/** A script can be named without its extension, and can be a symlink itself. */
function folderOf(script: string): string | undefined {
  const real = realPath(script)
  return real === undefined ? realPath(path.dirname(script)) : path.dirname(real)
}

/**
 * `execPath` is a resolved path: with a version manager it names the old binary forever. So the typed name
 * is resolved again instead, if it leads to this binary now.
 */
function nodeBinary(directory: string): () => string {
  const { argv0, execPath } = process
  const candidates = argv0.includes(path.sep)
    ? [path.resolve(directory, argv0)]
    : (process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder, argv0))
  const typed = candidates.find((candidate) => realPath(candidate) !== undefined)
  if (typed === undefined || realPath(typed) !== realPath(execPath)) return () => execPath
  return () => (realPath(typed) === undefined ? execPath : typed)
}
