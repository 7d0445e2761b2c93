import type { Address } from '../listeners/address.ts'

/** What makes a TLS session of one process resumable in the next. Secret: it goes over the channel and nowhere else. */
export interface TicketKeys {
  readonly listener: Address
  /** The 48 bytes of `server.getTicketKeys()`, in base64. */
  readonly keys: string
  /** OpenSSL resumes a session only where its context is the same. */
  readonly sessionIdContext: string | undefined
}

/**
 * What two generations say to each other over the successor's IPC channel. Both ends check what they receive: the
 * channel is the application's as well, and the other end may run another version of zerodrop.
 */
export type Message =
  /** Successor to predecessor, first: it runs zerodrop, and hears what it is told. */
  | { zerodrop: 1; type: 'started' }
  /** Predecessor to successor, in answer: of all its servers that speak TLS. */
  | { zerodrop: 1; type: 'ticket-keys'; servers: readonly TicketKeys[] }
  /**
   * Successor to predecessor, before it is ready, with the descriptor of a socket it listens on: so that the kernel keeps
   * the socket, and what waits in its queue, if the successor dies while the predecessor is there.
   */
  | { zerodrop: 1; type: 'spare'; listener: Address }
  /** Successor to predecessor, until it is ready: what it printed on stderr, or the error that ends it. */
  | { zerodrop: 1; type: 'stderr'; text: string }
  /** Successor to predecessor, once: it listens and serves. */
  | { zerodrop: 1; type: 'ready' }
  /** Predecessor to successor: it is not to take over. It finishes what it has, and ends. */
  | { zerodrop: 1; type: 'stop' }
  /** Successor to predecessor: it was told to stop, and does not want to be replaced by its predecessor. */
  | { zerodrop: 1; type: 'stopping' }
  /** Predecessor to successor, once: from now on you are the one that serves; this process hands over and ends. */
  | { zerodrop: 1; type: 'serve' }
  /** Predecessor to successor: a restart was asked for while this one was under way. */
  | { zerodrop: 1; type: 'restart' }
  /**
   * Predecessor to successor, with the descriptor of a connection that is between two requests, or has had none if it
   * is not `used`. `requests` is how many it has had, where its server limits them.
   */
  | {
      zerodrop: 1
      type: 'connection'
      id: number
      listener: Address
      used: boolean
      requests: number
    }
  /** Successor to predecessor: these connections are served here from now on. */
  | { zerodrop: 1; type: 'taken'; ids: readonly number[] }
  /** Successor to predecessor: there is no server of their address; keep them. */
  | { zerodrop: 1; type: 'declined'; ids: readonly number[] }
  /** Predecessor to successor, just before it exits: how its drain went. */
  | { zerodrop: 1; type: 'ended'; pid: number; milliseconds: number; migrated: number; cut: number }

type Body = Message extends infer Each ? (Each extends Message ? Omit<Each, 'zerodrop'> : never) : never

export function message(body: Body): Message {
  return { zerodrop: 1, ...body } as Message
}

/** Returns the message if it is one of ours, undefined for anything that others say on the channel. */
export function asMessage(value: unknown): Message | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as { zerodrop?: unknown }).zerodrop === 1 ? (value as Message) : undefined
}
