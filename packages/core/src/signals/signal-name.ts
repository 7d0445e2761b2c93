import { constants, platform } from 'node:os'
import { ZerodropError } from '../errors/zerodrop-error.ts'

/** All names of Node's type for signals; which of them this platform has is in `os.constants.signals`. */
const catchable = (name: string): boolean => name !== 'SIGKILL' && name !== 'SIGSTOP'

/**
 * Checks that a signal of this name exists here and can be handled.
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN` with the nearest valid name; `ERR_ZERODROP_SIGNAL_UNSUPPORTED` for SIGKILL
 *   and SIGSTOP, which no process can handle, and for a signal that this platform lacks.
 */
export function checkSignal(name: string): asserts name is NodeJS.Signals {
  if (name in constants.signals && catchable(name)) return
  if (!catchable(name)) {
    throw new ZerodropError(
      'ERR_ZERODROP_SIGNAL_UNSUPPORTED',
      `${name} cannot be handled by any process: the kernel acts on it. Use SIGTERM or SIGINT to stop gracefully.`,
    )
  }
  if (elsewhere.has(name)) {
    throw new ZerodropError(
      'ERR_ZERODROP_SIGNAL_UNSUPPORTED',
      `${name} does not exist on ${platform()}. Leave it out of "signals" here.`,
    )
  }
  throw new ZerodropError(
    'ERR_ZERODROP_SIGNAL_UNKNOWN',
    `There is no signal "${name}". Did you mean ${nearest(name)}?`,
  )
}

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

function nearest(name: string): string {
  const typed = name.toUpperCase()
  const candidates = Object.keys(constants.signals).filter(catchable)
  const distances = candidates.map((candidate) => ({
    candidate,
    distance: Math.min(distance(typed, candidate), distance(`SIG${typed}`, candidate)),
  }))
  return distances.reduce((best, next) => (next.distance < best.distance ? next : best)).candidate
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
