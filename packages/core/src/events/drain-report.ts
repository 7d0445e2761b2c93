/** How far a request had come, or what its connection was used for. */
export type ConnectionState =
  /** The head of a request had not arrived completely. */
  | 'reading'
  /** The body of a request was still arriving. */
  | 'receiving'
  /** The request was complete, and nothing of the answer was sent. */
  | 'handling'
  /** The head of the answer was sent, its end was not, or had not reached the client. */
  | 'responding'
  /** A WebSocket, or another protocol that HTTP was left for. */
  | 'upgraded'
  /** A connection of a server that does not speak HTTP. */
  | 'raw'
  /** An idle connection that the successor had not taken: its next request may have been waiting unread. */
  | 'moving'

/** What was cut, and what it was doing. */
export interface CutConnection {
  /** How far it had come. */
  readonly state: ConnectionState
  /**
   * `'application'` if other code in this process ended it before the deadline: the application, a library, or one of
   * Node's own timeouts. Undefined if the deadline or a signal did.
   */
  readonly by?: 'application'
  /** Of the request; undefined where there was none. */
  readonly method?: string
  /** Of the request; undefined where there was none. */
  readonly url?: string
  /**
   * Milliseconds since the request began. While nothing drains zerodrop looks at no request, so for one that was under
   * way when the drain began this is the length of the drain: it is at least that old.
   */
  readonly age?: number
  /** Milliseconds since the connection was opened; not known for one of HTTP/1 without TLS that was there before. */
  readonly connectedFor?: number
  /** The client's address; undefined on a Unix socket. */
  readonly remoteAddress?: string
  /** The client's port; undefined on a Unix socket. */
  readonly remotePort?: number
}

/**
 * How a drain went. It balances: the requests that were under way when it began and those that arrived after that are as
 * many as `finished`, `served`, `refused`, `left` and the requests in `cut` together, but for streams of events that go
 * on in a successor.
 */
export interface DrainResult {
  /** From the first step to the last connection's end. */
  readonly milliseconds: number
  /** How long each phase took, in milliseconds: the announcement, emptying the accept queue, finishing what was there. */
  readonly phases: { readonly delay: number; readonly accept: number; readonly finish: number }
  /** Requests that were under way when the drain began, and were answered whole. */
  readonly finished: number
  /** Requests that arrived after it began, and were answered. */
  readonly served: number
  /** Requests that arrived after it began, and were refused as `onDrainingRequest` wants it. */
  readonly refused: number
  /** Requests whose client closed the connection, or reset the stream, before the answer was whole. */
  readonly left: number
  /** WebSockets that were sent a close frame. */
  readonly websockets: number
  /**
   * New connections that the kernel may have reset, because they were in the accept queue when the listening socket was
   * closed. 0 unless clients connect faster than the process can accept for two seconds.
   */
  readonly reset: number
  /** What the deadline, a second signal, or other code in this process ended before its time. */
  readonly cut: readonly CutConnection[]
}

/** Why a WebSocket or an event stream did not move to the successor. */
export type StayReason =
  /** TLS has no way into another process. */
  | 'tls'
  /** The option `migrate` keeps its connection here. */
  | 'migrate'
  /** `handover.websockets()` was not called for its server. */
  | 'not-registered'
  /** The successor has not called `handover.websockets()` for a server of that name, or not `handover.streams()`. */
  | 'not-taken'
  /** The WebSocket is not one of the package `ws`. */
  | 'other-implementation'
  /** It is of a version of `ws` that zerodrop does not understand. */
  | 'other-version'
  /** Its client compresses with context takeover, and `keepWindow` is not set. */
  | 'compressed'
  /** `save` threw, or what it returned cannot be copied or is too large. */
  | 'save-failed'
  /** The request of the stream is not a GET without a body: to repeat it could do something twice. */
  | 'method'
  /** The body of the stream is compressed, or has a length. */
  | 'encoded'
  /** The stream was begun before `handover.streams()` was called. */
  | 'not-seen'
  /** The function `match` has said no. */
  | 'match'
  /** Its last id cannot be sent in a header. */
  | 'event-id'
  /** Its connection is not one of the operating system: the application gave its server a stream of another kind. */
  | 'no-descriptor'
  /** The successor had no place for it, or could not read its state. */
  | 'declined'

/** A WebSocket or an event stream that stayed in the predecessor of a restart, to be told there. */
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
