import path from 'node:path'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Context } from './context.ts'

/**
 * Decides whether this process keeps its pid through the restart that begins, by becoming the keeper of its
 * successor. Undefined if nothing relies on the pid, and under a keeper.
 * @returns rejects with `ERR_ZERODROP_SUPERVISED` or `ERR_ZERODROP_KEEPER_UNAVAILABLE`
 */
export function keepPid(context: Context): Promise<boolean> | undefined {
  const { settings, system } = context
  if (system.keeper?.connected === true) return undefined
  if (settings.keepPid === true) return keepsByOption(context)
  const { user, mayBeMain } = system.pidKeeping
  if (user === undefined && !mayBeMain) return undefined
  // When systemd is notified of the new pid, it treats the successor as the main process.
  if ((user === undefined || user === 'systemd') && system.serviceManager !== undefined) return undefined
  return user === undefined ? keepsForUnit(context) : keepsFor(context, user)
}

type User = NonNullable<Context['system']['pidKeeping']['user']>

async function keepsByOption({ system }: Context): Promise<boolean> {
  const obstacle = await system.pidKeeping.obstacle()
  if (obstacle === undefined) return true
  throw new ZerodropError(
    'ERR_ZERODROP_KEEPER_UNAVAILABLE',
    `This process has to keep its pid, since the option "keepPid" is true, and cannot, because ${obstacle}. ` +
      'It goes on serving. Remove the option, or start the server with "zerodrop run".',
  )
}

/** The program that has started this process has ended, as `Type=forking` expects. Only systemd knows whose pid it follows. */
async function keepsForUnit(context: Context): Promise<boolean> {
  const { pid, pidKeeping } = context.system
  return (await pidKeeping.unitMainPid()) === pid ? keepsFor(context, 'systemd') : false
}

async function keepsFor(context: Context, user: User): Promise<boolean> {
  if (context.settings.keepPid === false) return changesPid(context, user, 'the option "keepPid" is false')
  const obstacle = await context.system.pidKeeping.obstacle()
  return obstacle === undefined ? true : changesPid(context, user, obstacle)
}

const container =
  'This process is number 1 of its container, or number 1 waits for it: when this process ends, so does the container, and the successor with it.'

/** @param why this process cannot keep its pid */
async function changesPid(context: Context, user: User, why: string): Promise<false> {
  if (user === 'container') throw supervised(container, why)
  if (user === 'reaper')
    throw supervised('The process that started this one ends with it, and so would the container.', why)
  if (user === 'supervisor')
    throw supervised(
      'A process manager started this process, and would start another beside its successor.',
      why,
    )
  if (user === 'systemd' && !(await isFollowed(context)))
    throw supervised(
      'This is the main process of a systemd unit, and systemd would end the unit with it.',
      why,
      ', or let PIDFile= of the unit and the option "pidFile" name the same file',
    )
  if (user !== 'systemd')
    context.reporter.write(
      `the ${user} that waits for pid ${context.system.pid} sees it end, because ${why}: the service goes on under another pid`,
      { user },
      'warn',
    )
  return false
}

/** Whether systemd treats the successor as the main process. */
async function isFollowed({ settings, system }: Context): Promise<boolean> {
  if (settings.pidFile === undefined) return false
  const file = await system.pidKeeping.unitPidFile()
  return file !== undefined && path.resolve(file) === settings.pidFile
}

function supervised(who: string, why: string, or = ''): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_SUPERVISED',
    `${who} This process cannot keep its pid, because ${why}. It goes on serving. ` +
      `Start the server with "zerodrop run"${or}. SIGTERM drains this process.`,
  )
}
