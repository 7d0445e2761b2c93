import { constants, platform } from 'node:os'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { defaultSignalActions } from './signal-actions.ts'

/**
 * Checks that a signal of this name exists here and can be handled.
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN` with the nearest name, or all names; `ERR_ZERODROP_SIGNAL_UNSUPPORTED` for SIGKILL
 *   and SIGSTOP, which no process can handle, and for a signal that this platform lacks.
 */
export function checkSignal(name: string): asserts name is NodeJS.Signals {
  if (uncatchable.has(name)) {
    throw new ZerodropError(
      'ERR_ZERODROP_SIGNAL_UNSUPPORTED',
      `${name} cannot be handled by any process: the kernel acts on it. Use SIGTERM or SIGINT to stop gracefully.`,
    )
  }
  if (Object.hasOwn(constants.signals, name)) return
  if (elsewhere.has(name)) {
    throw new ZerodropError(
      'ERR_ZERODROP_SIGNAL_UNSUPPORTED',
      `${name} does not exist on ${platform()}. Leave it out of "signals" here.`,
    )
  }
  const meant = nearest(name)
  const advice =
    meant === undefined ? `Those of ${platform()} are ${catchable().join(', ')}.` : `Did you mean ${meant}?`
  throw new ZerodropError(
    'ERR_ZERODROP_SIGNAL_UNKNOWN',
    `There is no signal ${JSON.stringify(name)}. ${advice}`,
  )
}

const uncatchable: ReadonlySet<string> = new Set(['SIGKILL', 'SIGSTOP'])

/** Signals that Node knows on some platform and that may be missing on this one. */
const elsewhere: ReadonlySet<string> = new Set([
  'SIGBREAK',
  'SIGINFO',
  'SIGLOST',
  'SIGPWR',
  'SIGSTKFLT',
  'SIGPOLL',
  'SIGUNUSED',
  'SIGUSR1',
  'SIGUSR2',
  'SIGHUP',
  'SIGQUIT',
  'SIGWINCH',
  'SIGTSTP',
  'SIGCONT',
  'SIGTTIN',
  'SIGTTOU',
])

function catchable(): string[] {
  return Object.keys(constants.signals).filter((name) => !uncatchable.has(name))
}

/** What was probably meant: by number, without SIG, in another case, with a slip or two. Undefined if nothing is near. */
function nearest(name: string): string | undefined {
  const byNumber = Object.entries(constants.signals).find(([, number]) => String(number) === name)
  if (byNumber !== undefined) return byNumber[0]
  const typed = name.toUpperCase()
  const full = typed.startsWith('SIG') ? typed : `SIG${typed}`
  // The usual ones first: of two that are as near, one of them was meant. SIGKILL is suggested too: the next error
  // then says what to use instead.
  const candidates = [...Object.keys(defaultSignalActions), ...Object.keys(constants.signals)]
  const distances = candidates.map((candidate) => ({
    candidate,
    distance: Math.min(distance(typed, candidate), distance(full, candidate)),
  }))
  const best = distances.reduce((least, next) => (next.distance < least.distance ? next : least))
  const slips = Math.min(2, Math.floor((full.length - 'SIG'.length) / 2))
  return best.distance <= slips ? best.candidate : undefined
}

/** Levenshtein's edit distance. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
