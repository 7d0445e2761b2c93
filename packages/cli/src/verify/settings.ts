import type { Address } from './server/running.ts'

/** The server's own routes that clients use. */
export interface Routes {
  /** Answers at once. */
  readonly get: string
  /** Takes its time before it answers. */
  readonly slow?: string | undefined
  /** Has a response that fills the socket's buffers. */
  readonly large?: string | undefined
  /** Takes a POST with a body. */
  readonly upload?: string | undefined
  readonly sse?: string | undefined
  readonly ws?: string | undefined
}

export type RouteName = Exclude<keyof Routes, 'get'> | 'h2'

/** What happens to the server while its clients are busy. */
export type Event =
  | { readonly kind: 'stop'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'restart'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'restart-command'; readonly command: string }

export interface Settings {
  readonly routes: Routes
  readonly h2: boolean
  readonly event: Event
  /** Commands that make the next version a broken one, and mend it. */
  readonly broken: { readonly break: string; readonly mend: string } | undefined
  /** Milliseconds between a request and its answer that the network alone takes. */
  readonly roundTrip: number
  /** Milliseconds from the signal to the last process's end; what takes longer hangs. */
  readonly limit: number
  /** Milliseconds that the server has to answer after its start. */
  readonly startLimit: number
}

/** What a server turned out to be when it was first looked at. */
export interface Findings {
  readonly address: Address
  /** Whether the server listens where `PORT` tells it to, so that several can run side by side. */
  readonly movable: boolean
  /** Statuses that the routes answered with. */
  readonly statuses: Readonly<Partial<Record<keyof Routes, number>>>
  /** Whether a connection can be used for a second request. */
  readonly keepsAlive: boolean
  /** Whether the slow route sends its response piece by piece. */
  readonly slowStreams: boolean
  /** What the user should know of the routes. */
  readonly remarks: readonly string[]
}
