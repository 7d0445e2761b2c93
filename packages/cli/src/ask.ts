import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from './fail.ts'
import { keeperTimeout, restartByPid, stopByPid } from './by-pid.ts'
import { ask, isThere } from './keeper-socket.ts'
import { isKeeper, maySignal, runArguments } from './proc.ts'
import { processOf, type Target, targetOf } from './target.ts'

export interface AskFlags {
  readonly control?: string
  /** In milliseconds. */
  readonly timeout: number
  readonly json: boolean
  readonly watch?: boolean
}

interface Restarted {
  readonly generation: number
  readonly pid: number
  readonly milliseconds: number
  readonly migrated: number
  readonly cut: readonly unknown[]
  /** Whether the server had crashed, so that there was nothing to hand over. */
  readonly respawned?: boolean
}

/** Restarts a server and waits for the outcome. */
export async function restart(pid: string | undefined, flags: AskFlags): Promise<void> {
  const target = targetOf(pid, flags.control)
  const result = (await ((await isAskable(target))
    ? ask('restart', target, flags.timeout)
    : restartByPid(processOf(target), flags.timeout, () => isThere(target.socket)))) as Restarted
  const { generation, pid: successor, milliseconds, migrated, cut, respawned = false } = result
  const duration = `${Math.round(milliseconds)} ms`
  const how = respawned
    ? `the server had crashed, and started in ${duration}`
    : `${migrated} connections moved, ${cut.length} cut, drained in ${duration}`
  print(flags, result, `generation ${generation} (pid ${successor}) serves: ${how}`)
}

/** Stops a server and waits until its keeper has ended. */
export async function stop(pid: string | undefined, flags: AskFlags): Promise<void> {
  const target = targetOf(pid, flags.control)
  if (await isAskable(target)) {
    await ask('stop', target, flags.timeout)
    const deadline = performance.now() + flags.timeout
    while (await isThere(target.socket)) {
      if (performance.now() >= deadline)
        throw new Failure(`The server has not ended within ${flags.timeout} ms.`)
      await delay(50)
    }
  } else await stopByPid(processOf(target), flags.timeout)
  print(flags, { stopped: true }, 'stopped')
}

/** Prints what a server is doing. */
export async function status(pid: string | undefined, flags: AskFlags): Promise<void> {
  // With `status --watch | head`, exit when the reader exits.
  process.stdout.on('error', () => process.exit())
  const target = targetOf(pid, flags.control)
  const show = async (): Promise<void> => {
    const result = await ask('status', target, flags.timeout)
    print(flags, result, JSON.stringify(result, undefined, 2))
  }
  await show()
  while (flags.watch === true) {
    await delay(1000)
    try {
      await show()
    } catch (error) {
      if (await isThere(target.socket)) throw error
      return
    }
  }
}

/** Whether to ask a keeper. A process without a keeper is signalled instead, which needs its pid. */
async function isAskable(target: Target): Promise<boolean> {
  if (target.process === undefined) return true
  const deadline = performance.now() + keeperTimeout
  while (!(await isThere(target.socket))) {
    const { pid } = target.process
    const isRun = runArguments(pid) !== undefined && maySignal(pid)
    // A keeper opens its socket about 50 ms after it has started, or after the process has become a keeper.
    if (!isRun && !isKeeper(target.process)) return false
    // Only the socket reaches "zerodrop run", so `ask()` reports the error.
    if (performance.now() > deadline) return isRun
    await delay(50)
  }
  return true
}

function print({ json }: AskFlags, result: unknown, text: string): void {
  console.log(json ? JSON.stringify(result) : text)
}
