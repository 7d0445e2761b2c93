/** How far a request had come, or what its connection was used for. */
export type ConnectionState =
  /** The head of a request had not arrived completely. */
  | 'reading'
  /** The body of a request was still arriving. */
  | 'receiving'
  /** The request was complete, and no part of the response was sent. */
  | 'handling'
  /** The head of the response was sent; its end was not sent or had not reached the client. */
  | 'responding'
  /** The connection was upgraded to a WebSocket or another protocol. */
  | 'upgraded'
  /** The connection belonged to a server that does not speak HTTP. */
  | 'raw'
  /**
   * The connection was idle and the successor had not taken it: its next request may have been waiting
   * unread.
   */
  | 'moving'

/** A request or connection that was cut, and what it was doing. */
export interface CutConnection {
  /** How far it had come. */
  readonly state: ConnectionState
  /**
   * `'application'` if other code in this process ended it early: the app, a library, or one of Node's
   * timeouts. Undefined if the deadline or a signal did.
   */
  readonly by?: 'application'
  /** Of the request; undefined where there was none. */
  readonly method?: string
  /** Of the request; undefined where there was none. */
  readonly url?: string
  /**
   * Milliseconds since the request began. For a request that was in flight when the drain began, this is the
   * length of the drain, because zerodrop does not watch requests before a drain; the request is at least
   * that old.
   */
  readonly age?: number
  /**
   * Milliseconds since the connection was opened; unknown for HTTP/1 connections without TLS that are older
   * than the drain.
   */
  readonly connectedFor?: number
  /** The client's address; undefined on a Unix socket. */
  readonly remoteAddress?: string
  /** The client's port; undefined on a Unix socket. */
  readonly remotePort?: number
}

/**
 * The report of a drain. It balances: requests in flight at its beginning plus requests that arrived later
 * equal `finished` + `served` + `refused` + `left` + the requests in `cut`, except event streams that
 * continue in a successor.
 */
export interface DrainResult {
  /** The time from the first step to the end of the last connection, in milliseconds. */
  readonly milliseconds: number
  /** The length of each phase in milliseconds: the announcement, emptying the accept queue, finishing. */
  readonly phases: { readonly delay: number; readonly accept: number; readonly finish: number }
  /** Requests that were in flight when the drain began and were answered in full. */
  readonly finished: number
  /** Requests that arrived during the drain and were answered. */
  readonly served: number
  /** Requests that arrived during the drain and were refused by `onDrainingRequest`. */
  readonly refused: number
  /** Requests whose client closed the connection or reset the stream before the response was complete. */
  readonly left: number
  /** WebSockets that got a close frame. */
  readonly websockets: number
  /**
   * New connections that the kernel may have reset, because they were in the accept queue when the
   * listening socket closed. 0 unless clients connect faster than the process accepts for two seconds.
   */
  readonly reset: number
  /**
   * Requests and connections that the deadline, a second signal, or other code in this process ended early.
   */
  readonly cut: readonly CutConnection[]
}

/** Why a WebSocket or an event stream did not move to the successor. */
export type StayReason =
  /** A TLS connection cannot move to another process. */
  | 'tls'
  /** The option `migrate` keeps its connection here. */
  | 'migrate'
  /** `handover.websockets()` was not called for its server. */
  | 'not-registered'
  /**
   * The successor has not called `handover.websockets()` for a server of that name, or `handover.streams()`.
   */
  | 'not-taken'
  /** The WebSocket is not one of the package `ws`. */
  | 'other-implementation'
  /** The WebSocket is of a version of `ws` that zerodrop does not recognise. */
  | 'other-version'
  /** Its client compresses with context takeover, and `keepWindow` is not set. */
  | 'compressed'
  /** `save` threw, or what it returned cannot be copied or is too large. */
  | 'save-failed'
  /** The request of the stream is not a GET without a body, so repeating it could do something twice. */
  | 'method'
  /** The body of the stream is compressed, or has a length. */
  | 'encoded'
  /** The stream began before `handover.streams()` was called. */
  | 'not-seen'
  /** The function `match` returned false. */
  | 'match'
  /** The last event id cannot be sent in a header. */
  | 'event-id'
  /**
   * The connection is not an operating system socket: the application gave its server another kind of stream.
   */
  | 'no-descriptor'
  /** The successor had no room for it, or could not read its state. */
  | 'declined'

/** A WebSocket or an event stream that stayed in the predecessor of a restart. */
export interface StayedConnection {
  /** What it is. */
  readonly kind: 'websocket' | 'stream'
  /** Why it stayed. */
  readonly reason: StayReason
  /** Of its request. */
  readonly method: string
  /** Of its request. */
  readonly url: string
  /** The client's address; undefined on a Unix socket. */
  readonly remoteAddress?: string
  /** The client's port; undefined on a Unix socket. */
  readonly remotePort?: number
}

/** How many WebSockets and event streams have moved. */
export interface MovedCounts {
  /** How many were WebSockets. */
  readonly websockets: number
  /** How many were event streams. */
  readonly streams: number
}
