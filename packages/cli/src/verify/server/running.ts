import type { ProcessEntry } from './proc.ts'

/** How the process that gets the signals ended. */
export interface Exit {
  /** Null if a signal ended it; undefined if it was not started here, so that nobody but its parent knows. */
  readonly status: number | null | undefined
  readonly signal: NodeJS.Signals | null
  /** In the clock of `performance.now()`. */
  readonly at: number
}

/** Where clients connect to. */
export interface Address {
  readonly protocol: 'http' | 'https'
  readonly host: string
  readonly port: number
}

/** A server under test, however it was started. */
export interface Running {
  /** Gets the signals, as it would from a supervisor. */
  readonly pid: number
  /** Settles when that process has ended; never rejects. */
  readonly exited: Promise<Exit>
  readonly exit: Exit | undefined
  /** What the server printed last. */
  readonly output: string
  /** Every live process of the server, the oldest first. */
  members(): ProcessEntry[]
  signal(signal: NodeJS.Signals): void
  /** Stops every process where it is; resolves when the last has stopped. */
  freeze(): Promise<void>
  thaw(): void
  /** Ends what was started here, and nothing else. */
  kill(): Promise<void>
}
