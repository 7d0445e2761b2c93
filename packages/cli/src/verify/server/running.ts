import type { ProcessEntry } from './proc.ts'

/** How the process that receives the signals ended. */
export interface Exit {
  /** Null if a signal ended the process; undefined if verify is not its parent and cannot know. */
  readonly status: number | null | undefined
  readonly signal: NodeJS.Signals | null
  /** The time it ended, in the clock of `performance.now()`. */
  readonly at: number
}

/** The address that clients connect to. */
export interface Address {
  readonly protocol: 'http' | 'https'
  readonly host: string
  readonly port: number
}

/** The host and port as in a URL, with an IPv6 address in brackets. */
export function authorityOf({ host, port }: Pick<Address, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

export function originOf(address: Address): string {
  return `${address.protocol}://${authorityOf(address)}`
}

/** A server under test, however it was started. */
export interface Running {
  /** The process that a supervisor would signal. */
  readonly pid: number
  /** Settles when that process has ended; never rejects. */
  readonly exited: Promise<Exit>
  readonly exit: Exit | undefined
  /** The last output of the server. */
  readonly output: string
  /** Settles when the server has ended and its pipes are closed, or soon after its end if a process keeps a pipe open. */
  readonly outputEnded: Promise<void>
  /** The variable that marks the server's processes, as `NAME=value`, if verify started the server. */
  readonly mark?: string
  /** Every live process of the server, oldest first. */
  members(): ProcessEntry[]
  signal(signal: NodeJS.Signals): void
  /** Why the server still runs after this signal, if that can be seen from outside. */
  whyItStays?(signal: NodeJS.Signals): string | undefined
  /** Pauses every process with SIGSTOP. Resolves when all have stopped. */
  freeze(): Promise<void>
  thaw(): void
  /** Kills the server if verify started it, and waits for its end. */
  kill(): Promise<void>
  /** Like `kill()`, without waiting: for the `exit` event of this process. */
  killNow(): void
}
