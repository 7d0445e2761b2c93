import { join } from 'node:path'
import { ownPlace } from '../system/found-program.ts'
import { keeperSystem } from '../system/keeper-system.ts'
import { Keeper, type KeeperOptions } from './keeper.ts'

export { askPath, type Controlled, controlPath, namedSocket, thisProcess } from '../system/control-path.ts'
export { type Answer, type Control, openControl, type Verb } from '../system/control-socket.ts'
export type { Said } from '../system/asker.ts'
export { holdParentChannel } from '../system/parent-channel.ts'
export { writeError } from '../system/write-error.ts'

export interface RunOptions extends Partial<KeeperOptions> {
  /** Node's own options, the script and the script's arguments. */
  readonly args: readonly string[]
  /** The script, absolute or relative to `cwd`. */
  readonly script: string
  readonly cwd: string
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** Called once, right before this process ends. */
  readonly onEnd?: () => void
}

/** Controls a keeper that runs in this process. */
export interface RunningKeeper {
  /** The pid of the serving generation; undefined while there is none. */
  readonly serving: number | undefined
  /** @param abort the program that asks no longer waits */
  ask(
    what: 'restart' | 'stop' | 'status',
    abort?: AbortSignal,
  ): Promise<{ result?: unknown; error?: unknown }>
}

/**
 * Makes this process the keeper of an application: it starts the application as a child, holds the pid and a
 * descriptor of every listening socket through all restarts, and exits with the application's status.
 *
 * Rejects with `ERR_ZERODROP_SPAWN_FAILED` if the first generation cannot be started.
 */
export async function runKeeper({
  args,
  script,
  cwd,
  env,
  respawn = false,
  maxCrashes = 10,
  register = false,
  onDeath,
  onEnd = () => {},
}: RunOptions): Promise<RunningKeeper> {
  const preload = join(__dirname, '..', 'system', 'preload.js')
  const place = ownPlace(cwd, env)
  const program = { ...place, args: [place.file, '--require', preload, ...args], script, env }
  const keeper = new Keeper(keeperSystem(onEnd), program, { respawn, maxCrashes, register, onDeath })
  await keeper.run()
  return keeper
}
