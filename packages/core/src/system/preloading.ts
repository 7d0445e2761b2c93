import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
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

/** The preload that `startWith` has added to a start; undefined if there is none. */
export function preloadOf({ args, env }: Start): string | undefined {
  const quoted = /^--require "((?:[^"\\]|\\.)*)" /.exec(env['NODE_OPTIONS'] ?? '')?.[1]
  const candidates = [
    quoted?.replace(/\\(.)/g, '$1'),
    ...args.filter((_, index) => args[index - 1] === '--require'),
  ]
  return candidates.find((file) => file?.endsWith(`${path.sep}system${path.sep}preload.js`))
}

/** Names another preload in a start, or none. */
export function withOtherPreload({ args, env }: Start, own: string, other: string | undefined): Start {
  const { NODE_OPTIONS: variable = '' } = env
  if (variable.startsWith(inOptions(own))) {
    const added = other === undefined ? '' : inOptions(other)
    return { args, env: { ...env, NODE_OPTIONS: added + variable.slice(inOptions(own).length) } }
  }
  const index = args.findIndex((word, at) => word === '--require' && args[at + 1] === own)
  if (index < 0) return { args, env }
  return { args: args.toSpliced(index, 2, ...(other === undefined ? [] : ['--require', other])), env }
}

/** Quotes a path; Node treats a backslash in quotes as an escape. */
function inOptions(file: string): string {
  return `--require "${file.replace(/["\\]/g, '\\$&')}" `
}

/**
 * The file that this process's successors preload; undefined in a bundle or a single executable, which have none. Call it
 * at the start: the release of this process may be removed later.
 *
 * In a bundle, `__dirname` is missing or that of the bundle, and a file of that name beside it is not zerodrop's.
 */
export function ownPreload(): string | undefined {
  if (typeof __dirname !== 'string' || isSingleExecutable()) return undefined
  try {
    const manifest = readFileSync(path.join(__dirname, '../../package.json'), 'utf8')
    const { name } = JSON.parse(manifest) as { name?: unknown }
    return name === corePackage ? path.join(__dirname, 'preload.js') : undefined
  } catch {
    return undefined
  }
}

/**
 * Finds the preload of the current release by its real path: worker threads of the successor load it as well, for as long
 * as the successor lives, and an older release may be removed by then.
 * @param own the preload of an older release
 * @param then the real path of a directory of that release, such as the program's
 * @param now the directory's current real path
 * @returns the file at the same place, or else the file of the package that the program would import, or else the old
 * file; undefined if none exists
 */
export function movedPreload(
  own: string,
  then: string | undefined,
  now: string | undefined,
): string | undefined {
  const moved = then === undefined || now === undefined ? own : path.join(now, path.relative(then, own))
  return realPath(moved) ?? (now === undefined ? undefined : installedPreload(now)) ?? realPath(own)
}

const corePackage = '@zerodrop/core'

/** The packages from which a program may get the core, if its package manager hides indirect dependencies. */
const doors = [
  '@zerodrop/express',
  '@zerodrop/fastify',
  '@zerodrop/koa',
  '@zerodrop/prometheus',
  '@zerodrop/socket.io',
  'zerodrop',
]

function installedPreload(folder: string): string | undefined {
  const from = path.join(folder, 'program')
  const direct = resolveFrom(from, corePackage)
  const manifest = [direct, ...doors.map((door) => throughDoor(from, door))].find(
    (each) => each !== undefined,
  )
  return manifest && realPath(path.join(path.dirname(manifest), 'dist/system/preload.js'))
}

function throughDoor(from: string, door: string): string | undefined {
  const manifest = resolveFrom(from, door)
  return manifest && resolveFrom(manifest, corePackage)
}

/** The path of a package's manifest, as a file would find it. */
function resolveFrom(file: string, name: string): string | undefined {
  try {
    return createRequire(file).resolve(`${name}/package.json`)
  } catch {
    return undefined
  }
}
