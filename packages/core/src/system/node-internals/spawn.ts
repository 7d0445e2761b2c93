import { ChildProcess, type StdioOptions } from 'node:child_process'

export interface Spawnable {
  readonly _handle: { spawn?: (this: unknown, ...given: unknown[]) => number }
  spawn(options: object): void
}

export interface Program {
  readonly file: string
  /** The arguments; the first is the program's `argv[0]`. */
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** Must contain 'ipc'. */
  readonly stdio: StdioOptions
}

/**
 * Starts a program with a channel that its environment does not name: `child_process.spawn()` sets two
 * variables, from which Node opens the channel of `process`.
 * @returns undefined if this version of Node cannot be prevented from doing that
 * @throws what `child_process.spawn` throws
 */
export function spawnUntold({ file, args, cwd, env, stdio }: Program): ChildProcess | undefined {
  const envPairs = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${value}`,
  )
  const given = envPairs.length
  const child = new ChildProcess()
  const spawnable = child as unknown as Spawnable
  const { _handle: handle } = spawnable
  const { spawn } = handle
  if (typeof spawn !== 'function') return undefined
  handle.spawn = (...options) => {
    delete handle.spawn
    const added = envPairs.splice(given)
    envPairs.push(...added.filter((pair) => !pair.startsWith('NODE_CHANNEL_')))
    return spawn.apply(handle, options)
  }
  spawnable.spawn({ file, args: [...args], cwd, envPairs, stdio })
  return child
}
