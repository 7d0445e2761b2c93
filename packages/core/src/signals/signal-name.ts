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

/** Signals that cannot be handled, each with a similar one that can. */
const uncatchable: ReadonlyMap<string, string> = new Map([
  ['SIGKILL', 'SIGTERM'],
  ['SIGSTOP', 'SIGTSTP'],
])

/**
 * Signals that have to be requested by name. SIGUSR1 belongs to the inspector and SIGPROF to the profiler.
 * Node ignores SIGPIPE and SIGXFSZ, so that writes fail with an error. The others report a fault of the
 * program, after which JavaScript cannot continue.
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

/** All signals: every signal of this platform that a process can handle and Node does not use itself. */
export function allSignals(): NodeJS.Signals[] {
  const byNumber = new Map<number, NodeJS.Signals>()
  // Some signals have a second name: SIGPOLL is SIGIO.
  for (const [name, number] of Object.entries(constants.signals) as [NodeJS.Signals, number][]) {
    if (!byNumber.has(number)) byNumber.set(number, name)
  }
  return [...byNumber.values()].filter((name) => !uncatchable.has(name) && !reserved.has(name))
}

/**
 * Signals that Node knows on some platform and that may be missing on this one, each with the signals of the
 * most similar purpose.
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

/**
 * The name that was probably meant by a number, a name without SIG, in another case or with a typo.
 * Undefined if none is close.
 */
function nearest(name: string): string | undefined {
  const byNumber = Object.entries(constants.signals).find(([, number]) => String(number) === name)
  if (byNumber !== undefined) return byNumber[0]
  const typed = name.toUpperCase()
  const full = typed.startsWith('SIG') ? typed : `SIG${typed}`
  // Common signals first: of two that are equally close, they are more likely.
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
