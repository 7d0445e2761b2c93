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

/** What was cut at the deadline, and what it was doing. */
export interface CutConnection {
  readonly state: ConnectionState
  readonly method?: string
  readonly url?: string
  /**
   * Milliseconds since the request began. While nothing drains zerodrop looks at no request, so for one that was under
   * way when the drain began this is the length of the drain: it is at least that old.
   */
  readonly age?: number
  /** Milliseconds since the connection was opened; not known for one of HTTP/1 without TLS that was there before. */
  readonly connectedFor?: number
  readonly remoteAddress?: string
  readonly remotePort?: number
}

/** How a drain went. */
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
  /** WebSockets that were sent a close frame. */
  readonly websockets: number
  /**
   * New connections that the kernel may have reset, because they were in the accept queue when the listening socket was
   * closed. 0 unless clients connect faster than the process can accept for two seconds.
   */
  readonly reset: number
  /** What the deadline, or a second signal, ended before its time. */
  readonly cut: readonly CutConnection[]
}
