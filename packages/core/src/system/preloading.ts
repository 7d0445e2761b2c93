import { readFileSync } from 'node:fs'
import path from 'node:path'
import { realPath } from './real-path.ts'
import { isSingleExecutable } from './single-executable.ts'
import type { Words } from './words.ts'

/** The arguments and the environment of a successor. */
export interface Start {
  readonly args: readonly string[]
  readonly env: Readonly<NodeJS.ProcessEnv>
}

/**
 * Makes the preload run first in a successor.
 *
 * It runs before the modules that the application preloads, so that they do not see the handover either.
 * Node loads modules from `NODE_OPTIONS` before those of the command line: if there are any, the preload is
 * named there. Under Yarn's Plug'n'Play it comes last, because it may be in an archive that Node can only
 * read after `.pnp.cjs` has run.
 * @param file the preload; undefined if there is none
 */
export function startWith(file: string | undefined, { options, rest }: Words, env: Start['env']): Start {
  if (file === undefined) return { args: [...options, ...rest], env }
  if (process.versions['pnp'] !== undefined) return { args: [...options, '--require', file, ...rest], env }
  const { NODE_OPTIONS: variable = '' } = env
  if (/(^|\s)"?(-r|--require)\b/.test(variable))
    return { args: [...options, ...rest], env: { ...env, NODE_OPTIONS: inOptions(file) + variable } }
  return { args: ['--require', file, ...options, ...rest], env }
}

/** The environment without the additions of `startWith`. */
export function withoutPreload(env: NodeJS.ProcessEnv, file: string | undefined): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: variable } = env
  const added = file === undefined ? '' : inOptions(file)
  if (added !== '' && variable?.startsWith(added) === true) env['NODE_OPTIONS'] = variable.slice(added.length)
  return env
}

/** Quotes a path; Node treats a backslash in quotes as an escape. */
function inOptions(file: string): string {
  return `--require "${file.replace(/["\\]/g, '\\$&')}" `
}

/**
 * The preload of the release that a file of this process belongs to, by its real path: worker threads of the successor
 * load it as well, for as long as the successor lives, and the release of this process may be removed by
 * then. If a release has its preload elsewhere, it gets this process's. Undefined in a bundle or a single
 * executable, which have none.
 * @param then the real path of the file's directory when this process was started
 * @param now the directory's current real path
 */
export function preloadFile(then: string | undefined, now: string | undefined): string | undefined {
  const own = ownPreload()
  if (own === undefined) return undefined
  const moved = then === undefined || now === undefined ? own : path.join(now, path.relative(then, own))
  return realPath(moved) ?? realPath(own)
}

/**
 * In a bundle, `__dirname` is missing or that of the bundle, and a file of that name beside it is not
 * zerodrop's.
 */
function ownPreload(): string | undefined {
  if (typeof __dirname !== 'string' || isSingleExecutable()) return undefined
  try {
    const manifest = readFileSync(path.join(__dirname, '../../package.json'), 'utf8')
    const { name } = JSON.parse(manifest) as { name?: unknown }
    return name === '@zerodrop/core' ? path.join(__dirname, 'preload.js') : undefined
  } catch {
    return undefined
  }
}
