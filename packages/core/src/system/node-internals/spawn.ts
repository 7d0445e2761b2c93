import { ChildProcess, type StdioOptions } from 'node:child_process'

export interface Spawnable {
  readonly _handle: { spawn?: (this: unknown, ...given: unknown[]) => number }
  spawn(options: object): void
}

export interface Program {
  readonly file: string
  /** The first is the name under which the program finds itself called. */
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** With 'ipc' in it. */
  readonly stdio: StdioOptions
}

/**
 * Starts a program with a channel that it is not told of: `child_process.spawn()` names its descriptor in two variables,
 * and Node makes a channel of `process` out of what they name.
 * @returns undefined if Node does not let itself be kept from that
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
