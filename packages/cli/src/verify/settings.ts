import type { Address } from './server/running.ts'

/** The server's routes that the clients request. */
export interface Routes {
  /** Answers at once. */
  readonly get: string
  /** Responds slowly. */
  readonly slow?: string | undefined
  /** Responds with more than the socket's buffers hold. */
  readonly large?: string | undefined
  /** Takes a POST with a body. */
  readonly upload?: string | undefined
  readonly sse?: string | undefined
  readonly ws?: string | undefined
}

export type RouteName = Exclude<keyof Routes, 'get'> | 'h2'

/** What verify does to the server while its clients are busy. */
export type Event =
  | { readonly kind: 'stop'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'restart'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'restart-command'; readonly command: string }

export interface Settings {
  readonly routes: Routes
  readonly h2: boolean
  readonly event: Event
  /** The commands that break the next version and repair it. */
  readonly broken: { readonly break: string; readonly mend: string } | undefined
  /** The simulated round-trip time of the network, in milliseconds. */
  readonly roundTrip: number
  /** How long the server may take from the signal until its last process ends, in milliseconds. */
  readonly limit: number
  /** How long the server may take from its start to its first response, in milliseconds. */
  readonly startLimit: number
}

/** What verify found out about the server before the first situation. */
export interface Findings {
  readonly address: Address
  /** Whether the server listens on `PORT` and nowhere else, so that several can run in parallel. */
  readonly movable: boolean
  /** The status of each route without an event. */
  readonly statuses: Readonly<Partial<Record<keyof Routes, number>>>
  /** Whether a connection can carry a second request. */
  readonly keepsAlive: boolean
  /** Whether the slow route sends its response piece by piece. */
  readonly slowStreams: boolean
  /** Remarks about the routes for the user. */
  readonly remarks: readonly string[]
}
