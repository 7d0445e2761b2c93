import { accessSync, constants } from 'node:fs'
import { inspect } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { show } from '../errors/reason.ts'
import { parentPipe } from './node-internals.ts'
import { processStat } from './process-stat.ts'
import { isAwaitedAt, newRendezvous, type Rendezvous } from './rendezvous.ts'
import type { Release } from './system.ts'

/** The data that a keeper needs after it has replaced its generation's predecessor. */
export interface AdoptOrders extends Rendezvous {
  /** The number of the serving generation. */
  readonly pid: number
  readonly generation: number
}

/** The program that replaces this process's program. */
export interface Replacement {
  readonly file: string
  /** The arguments; the first is the program's `argv[0]`. */
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<NodeJS.ProcessEnv>
}

type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => void

/** Since 22.15 and 23.11; `@types/node` of 20 does not know it. Throws in a worker thread. */
function execve(): Execve | undefined {
  const { execve: replace } = process as { execve?: Execve }
  return isMainThread && typeof replace === 'function' ? replace.bind(process) : undefined
}

/**
 * Why this process cannot become the keeper of its successor, in words that follow "because"; undefined if
 * nothing is known to prevent it.
 * @param program the file of the program to run
 */
export async function keeperObstacle(program: string | undefined): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'that needs Linux'
  if (execve() === undefined)
    return `Node ${process.version} cannot replace the program of a process: 22.15 and later can`
  if (program === undefined)
    return 'the file of the keeper is not there: zerodrop is part of a bundle or of a single executable'
  if (process.versions['pnp'] !== undefined)
    return "the file of the keeper may lie in an archive, which only Yarn's Plug'n'Play can read"
  if (process.connected && parentPipe() === undefined)
    return `its parent has a channel to it, which cannot be passed on in Node ${process.version}`
  if (hasPermissionModel()) return "Node's permission model is on"
  if (processStat(process.pid) === undefined) return '/proc cannot be read'
  try {
    await isAwaitedAt(newRendezvous())
    return undefined
  } catch (error) {
    // No process listens there, as expected: the socket could be created.
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return undefined
    return `it may not use Unix sockets: ${(error as Error).message}. In a unit, add AF_UNIX to RestrictAddressFamilies=`
  }
}

function hasPermissionModel(): boolean {
  return (process as { permission?: unknown }).permission !== undefined
}

/**
 * Makes the end of this process replace its program instead, after other code's listeners of 'exit', even if they throw,
 * so that the pid stays. A signal without a handler still ends the process.
 * @param replacement returns the program when the process ends; if it returns a number, the process exits
 * with it
 * @param onFailed called with the reason if that fails: then the process ends
 */
export function replaceAtExit(
  replacement: () => Replacement | number,
  onFailed: (reason: string) => void,
): Release {
  // Node prints the error that ends a process after 'exit', when this process already has another program.
  const onUncaught = (error: unknown): void => void process.stderr.write(`Uncaught ${inspect(error)}\n`)
  const onExit = (code: number): void => {
    const listeners = process.listeners('exit')
    const later = listeners.slice(listeners.indexOf(onExit) + 1)
    try {
      const made = replacement()
      if (typeof made === 'number') {
        if (made !== 0) process.exitCode = made
        return
      }
      const { file, args, cwd, env } = made
      // A failed execve aborts the process before Node 26.
      accessSync(file, constants.X_OK)
      for (const listener of later) callAtExit(listener, code)
      changeDirectory(cwd)
      execve()?.(file, args, strings(env))
    } catch (error) {
      onFailed((error as Error).message)
    }
  }
  // Node calls no further listener after one that throws.
  process.prependListener('exit', onExit)
  process.on('uncaughtExceptionMonitor', onUncaught)
  return () => {
    process.off('exit', onExit)
    process.off('uncaughtExceptionMonitor', onUncaught)
  }
}

function callAtExit(listener: (code: number) => void, code: number): void {
  try {
    listener.call(process, code)
  } catch (error) {
    process.stderr.write(`[zerodrop] pid ${process.pid}: a listener of 'exit' threw: ${show(error)}\n`)
  }
}

function changeDirectory(cwd: string): void {
  try {
    process.chdir(cwd)
  } catch {
    // It no longer exists, and a keeper does not need it.
  }
}

function strings(env: Readonly<NodeJS.ProcessEnv>): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
}
