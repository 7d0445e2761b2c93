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

/** As in a URL, where an IPv6 address is in brackets. */
export function authorityOf({ host, port }: Pick<Address, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

export function originOf(address: Address): string {
  return `${address.protocol}://${authorityOf(address)}`
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
  /** Settles when no more output comes from a server that has ended, or soon after, if a process of it keeps the pipe. */
  readonly outputEnded: Promise<void>
  /** What the server's processes have in their environment, `NAME=value`, if it was started with it. */
  readonly mark?: string
  /** Every live process of the server, the oldest first. */
  members(): ProcessEntry[]
  signal(signal: NodeJS.Signals): void
  /** Stops every process where it is; resolves when the last has stopped. */
  freeze(): Promise<void>
  thaw(): void
  /** Ends what was started here, and nothing else. */
  kill(): Promise<void>
  /** The same without waiting, for the moment in which this process itself ends. */
  killNow(): void
}
