import { constants, platform } from 'node:os'
import { inspect } from 'node:util'
import { distance } from '../errors/distance.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { defaultSignalTable } from './signal-actions.ts'

/**
 * Checks that a signal of this name exists here and can be handled.
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN` with the nearest name, or all names; `ERR_ZERODROP_SIGNAL_UNSUPPORTED`, with the one
 *   to use instead, for SIGKILL and SIGSTOP, which no process can handle, and for a signal that this platform lacks.
 */
export function checkSignal(name: unknown): asserts name is NodeJS.Signals {
  checkSignalExists(name)
  const instead = uncatchable.get(name)
  if (instead !== undefined) {
    throw new ZerodropError(
      'ERR_ZERODROP_SIGNAL_UNSUPPORTED',
      `${name} cannot be handled by any process: the kernel acts on it. Use ${instead}.`,
    )
  }
  if (Object.hasOwn(constants.signals, name)) return
  const neighbour = elsewhere.get(name)?.find((each) => each in constants.signals)
  const advice = neighbour === undefined ? 'Leave it out here.' : `Leave it out here, or use ${neighbour}.`
  throw new ZerodropError(
    'ERR_ZERODROP_SIGNAL_UNSUPPORTED',
    `${name} does not exist on ${platform()}. ${advice}`,
  )
}

/**
 * Checks that a signal of this name exists here or on another platform.
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN` with the nearest name, or all names
 */
export function checkSignalExists(name: unknown): asserts name is NodeJS.Signals {
  const text = typeof name === 'string'
  if (text && (Object.hasOwn(constants.signals, name) || elsewhere.has(name))) return
  const what = text ? JSON.stringify(name) : `${inspect(name)}: signals go by name`
  throw new ZerodropError('ERR_ZERODROP_SIGNAL_UNKNOWN', `There is no signal ${what}. ${advise(name)}`)
}

function advise(given: unknown): string {
  if (Array.isArray(given)) return 'List them one by one, not in an array.'
  const meant = typeof given === 'string' || typeof given === 'number' ? nearest(String(given)) : undefined
  if (meant === undefined) return `Those of ${platform()} are ${catchable().join(', ')}.`
  const instead = uncatchable.get(meant)
  if (instead === undefined) return `Did you mean ${meant}?`
  return `${meant} cannot be handled by any process. Did you mean ${instead}?`
}

/** Each with the one that asks for the same and can be handled. */
const uncatchable: ReadonlyMap<string, string> = new Map([
  ['SIGKILL', 'SIGTERM'],
  ['SIGSTOP', 'SIGTSTP'],
])

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

/**
 * Signals that Node knows on some platform and that may be missing on this one, each with those that are nearest to it in
 * what they are sent for.
 */
const elsewhere: ReadonlyMap<string, readonly NodeJS.Signals[]> = new Map([
  ['SIGBREAK', ['SIGINT']],
  ['SIGINFO', ['SIGQUIT', 'SIGBREAK']],
  ['SIGLOST', ['SIGIO', 'SIGTERM']],
  ['SIGPWR', ['SIGTERM']],
  ['SIGSTKFLT', ['SIGSEGV']],
  ['SIGPOLL', ['SIGIO']],
  ['SIGUNUSED', ['SIGSYS']],
  ['SIGUSR1', ['SIGHUP', 'SIGBREAK']],
  ['SIGUSR2', ['SIGHUP', 'SIGBREAK']],
  ['SIGHUP', ['SIGTERM']],
  ['SIGQUIT', ['SIGBREAK', 'SIGINT']],
  ['SIGTSTP', ['SIGBREAK']],
  ['SIGWINCH', []],
  ['SIGCONT', []],
  ['SIGTTIN', []],
  ['SIGTTOU', []],
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
  // The usual ones first: of two that are as near, one of them was meant.
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
