import { constants } from 'node:os'
import { isStopped, pendingSignals, processEntry } from './proc.ts'
import type { ProcessEntry } from './proc.ts'

/** Signals that no deploy sends: children that end, job control, timers, sockets and terminals. */
const unrelated = [
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGALRM',
  'SIGVTALRM',
  'SIGPROF',
  'SIGPIPE',
  'SIGURG',
  'SIGIO',
  'SIGWINCH',
] as const

/** The bit of a signal in the masks of /proc/PID/status. */
export function bitOf(signal: NodeJS.Signals): bigint {
  return 1n << BigInt(constants.signals[signal] - 1)
}

const related = ~unrelated.reduce((mask, signal) => mask | bitOf(signal), 0n)

/**
 * Watches paused processes for a signal. A signal that a paused process gets stays pending until the process continues, so that
 * /proc shows it.
 */
export class SignalWatch {
  readonly #paused: readonly (ProcessEntry & { readonly pending: bigint })[]

  constructor(paused: readonly ProcessEntry[]) {
    this.#paused = paused.map((entry) => ({ ...entry, pending: pendingSignals(entry.pid) }))
  }

  /** The processes that have got a signal since, and have not continued. */
  get signalled(): readonly number[] {
    return this.#paused
      .filter(({ pid, pending }) => isStopped(pid) && (pendingSignals(pid) & ~pending & related) !== 0n)
      .map(({ pid }) => pid)
  }

  /** Whether one of the processes has got a signal since, has been continued, or has ended. */
  isSignalled(): boolean {
    return this.#paused.some(
      ({ pid, started, pending }) =>
        processEntry(pid)?.started !== started ||
        !isStopped(pid) ||
        (pendingSignals(pid) & ~pending & related) !== 0n,
    )
  }
}
