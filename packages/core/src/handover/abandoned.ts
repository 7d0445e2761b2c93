import { ZerodropError } from '../errors/zerodrop-error.ts'

/** Why an attempt is given up before its successor has taken over: for a shutdown, or for a newer restart. */
export type Abandonment = 'shutdown' | 'newer'

/**
 * @param who the successor's name in reports
 * @param ready whether it was ready
 */
export function abandoned(who: string, why: Abandonment, ready: boolean): ZerodropError {
  return why === 'newer'
    ? new ZerodropError(
        'ERR_ZERODROP_RESTART_SUPERSEDED',
        `${who} ${ready ? 'was on probation' : 'was not ready'} when the next restart was asked for, and was given up for it. ` +
          'This process goes on serving, and starts the newest code now.',
      )
    : new ZerodropError(
        'ERR_ZERODROP_RESTART_ABORTED',
        `${who} was ${ready ? 'told to stop before it took over' : 'killed before it was ready'}: a shutdown came first.`,
      )
}

/** A shutdown began before the process of the new generation was started. */
export function notStarted(generation: number): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_RESTART_ABORTED',
    `Generation ${generation} was not started: a shutdown came first.`,
  )
}
