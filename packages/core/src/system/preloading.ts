import { readFileSync } from 'node:fs'
import path from 'node:path'
import { realPath } from './real-path.ts'
import { isSingleExecutable } from './single-executable.ts'
import type { Words } from './words.ts'

/** What a successor is started with. */
export interface Start {
  readonly args: readonly string[]
  readonly env: Readonly<NodeJS.ProcessEnv>
}

/**
 * Has the preload run first in a successor.
 *
 * It precedes the modules that the application preloads, so that they see nothing of the handover either. Those of
 * `NODE_OPTIONS` come before those of the command line: where there are some, it is named there. Under Yarn's Plug'n'Play
 * it comes last, because it may lie in an archive that Node can read only when `.pnp.cjs` has run.
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

/** The environment without what `startWith` may have added to it. */
export function withoutPreload(env: NodeJS.ProcessEnv, file: string | undefined): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: variable } = env
  const added = file === undefined ? '' : inOptions(file)
  if (added !== '' && variable?.startsWith(added) === true) env['NODE_OPTIONS'] = variable.slice(added.length)
  return env
}

/** In quotes, in which Node takes a backslash for an escape. */
function inOptions(file: string): string {
  return `--require "${file.replace(/["\\]/g, '\\$&')}" `
}

/**
 * The preload of the release that a file of this process belongs to, by its real path: worker threads of the successor
 * look it up as well, for as long as that lives, and the release of this process may be removed by then. A release that
 * has it elsewhere is given ours. Undefined in a bundle or a single executable, which have none.
 * @param then the file's directory, without symlinks, when this process was started
 * @param now where it leads now
 */
export function preloadFile(then: string | undefined, now: string | undefined): string | undefined {
  const own = ownPreload()
  if (own === undefined) return undefined
  const moved = then === undefined || now === undefined ? own : path.join(now, path.relative(then, own))
  return realPath(moved) ?? realPath(own)
}

/** In a bundle there is no `__dirname`, or it is the bundle's, and a file of that name beside it is somebody else's. */
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
