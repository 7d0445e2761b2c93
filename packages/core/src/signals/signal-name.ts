import { constants, platform } from 'node:os'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { defaultSignalTable } from './signal-actions.ts'

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
  checkSignalExists(name)
  throw new ZerodropError(
    'ERR_ZERODROP_SIGNAL_UNSUPPORTED',
    `${name} does not exist on ${platform()}. Leave it out of the signals here.`,
  )
}

/**
 * Checks that a signal of this name exists here or on another platform.
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN` with the nearest name, or all names
 */
export function checkSignalExists(name: string): asserts name is NodeJS.Signals {
  if (Object.hasOwn(constants.signals, name) || elsewhere.has(name)) return
  const meant = nearest(name)
  const advice =
    meant === undefined ? `Those of ${platform()} are ${catchable().join(', ')}.` : `Did you mean ${meant}?`
  throw new ZerodropError(
    'ERR_ZERODROP_SIGNAL_UNKNOWN',
    `There is no signal ${JSON.stringify(name)}. ${advice}`,
  )
}

const uncatchable: ReadonlySet<string> = new Set(['SIGKILL', 'SIGSTOP'])

/**
 * Signals that only a process which asks for them by name gets. SIGUSR1 is the inspector's and SIGPROF the profiler's;
 * SIGPIPE and SIGXFSZ are ignored by Node, so that writing fails with an error; the others tell of a fault of the
 * program, behind which JavaScript cannot go on.
 */
const reserved: ReadonlySet<string> = new Set([
  'SIGUSR1',
  'SIGPROF',
  'SIGPIPE',
  'SIGXFSZ',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGSEGV',
  'SIGSYS',
  'SIGTRAP',
])

/** What "all signals" means: each signal of this platform that a process can take over and Node has no use for. */
export function allSignals(): NodeJS.Signals[] {
  const byNumber = new Map<number, NodeJS.Signals>()
  // Some signals have a second name: SIGPOLL is SIGIO.
  for (const [name, number] of Object.entries(constants.signals) as [NodeJS.Signals, number][]) {
    if (!byNumber.has(number)) byNumber.set(number, name)
  }
  return [...byNumber.values()].filter((name) => !uncatchable.has(name) && !reserved.has(name))
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
  const usual = Object.keys(defaultSignalTable.reactions).filter((each) => each in constants.signals)
  const candidates = [...usual, ...Object.keys(constants.signals)]
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
