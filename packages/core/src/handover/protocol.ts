import type { Address } from '../listeners/address.ts'
import { protocolVersion } from '../system/boot.ts'

/** What makes a TLS session of one process resumable in the next. Secret: it goes over the channel and nowhere else. */
export interface TicketKeys {
  readonly listener: Address
  /** The 48 bytes of `server.getTicketKeys()`, in base64. */
  readonly keys: string
  /** OpenSSL resumes a session only where its context is the same. */
  readonly sessionIdContext: string | undefined
  /** What the server asks of its clients: keys go only to a server that asks the same. */
  readonly policy: string
}

/** What a field of a message may hold. */
interface Values {
  text: string
  flag: boolean
  /** An integer, 0 or more. */
  count: number
  /** Any number of them. */
  texts: readonly string[]
  /** At least one of them. */
  counts: readonly number[]
  /** Milliseconds, 0 or more. */
  duration: number
  ticketKeys: readonly TicketKeys[]
}

/**
 * What two generations say to each other over the successor's channel, by type, with the fields of each. Change one, and
 * raise `protocolVersion`: a test holds the two together.
 */
export const messageFields = {
  /** Successor to predecessor, first: it runs zerodrop, and hears what it is told. */
  started: {},
  /** Predecessor to successor, in answer: of all its servers that speak TLS. */
  'ticket-keys': { servers: 'ticketKeys' },
  /**
   * Successor to predecessor, before it is ready, with the descriptor of a socket it listens on: so that the kernel keeps
   * the socket, and what waits in its queue, if the successor dies while the predecessor is there.
   */
  spare: { listener: 'text' },
  /** Successor to predecessor, until it is ready: what it printed on stderr, or the error that ends it. */
  stderr: { text: 'text' },
  /** Successor to predecessor, until it is ready: why it is not, whenever that changes. */
  'not-ready': { reason: 'text' },
  /** Successor to predecessor, once: it listens and serves. */
  ready: {},
  /** Predecessor to successor, once it is ready: accept on what you inherited, as this process does. */
  accept: {},
  /** Successor to predecessor: it accepts already, because Node did not let it wait. */
  accepts: {},
  /** Predecessor to successor: it is not to take over. It finishes what it has, and ends. */
  stop: {},
  /** Successor to predecessor: it was told to stop, and does not want to be replaced by its predecessor. */
  stopping: {},
  /** Predecessor to successor, once: from now on you are the one that serves; this process hands over and ends. */
  serve: {},
  /**
   * Predecessor to successor, once: this process reads no more of what the parent of both says. It has read this of a
   * message that has not come whole, in base64.
   */
  parent: { rest: 'text' },
  /** Predecessor to successor, from `ready` on, again and again: do you live? */
  ask: { id: 'count' },
  /** Successor to predecessor, in answer. */
  alive: { id: 'count' },
  /** Either to the other: a restart was asked for while this one was under way. */
  restart: {},
  /** Successor to predecessor, until it is ready: a signal that restarts the predecessor has reached it. */
  signal: { name: 'text' },
  /**
   * Predecessor to successor, with the descriptor of a connection that is between two requests, or has had none if it
   * is not `used`. `requests` is how many it has had, where its server limits them.
   */
  connection: { id: 'count', listener: 'text', used: 'flag', requests: 'count' },
  /** Successor to predecessor: these connections are served here from now on. */
  taken: { ids: 'counts' },
  /**
   * Successor to predecessor: keep these connections. If no server is `listening` at their address there, the others of
   * that address need not be sent either.
   */
  declined: { ids: 'counts', listening: 'flag' },
  /** Successor to predecessor, when it changes: what it can take over in the middle of what it does. */
  takes: { webSockets: 'texts', streams: 'flag' },
  /**
   * Predecessor to successor: a WebSocket or an event stream, which comes with the `live-handle` of this id. The handle
   * may go only with a message that is read at once, and this one can be large. Its request is to be handled again.
   */
  live: {
    id: 'count',
    listener: 'text',
    /** 'websocket' or 'stream'. */
    kind: 'text',
    /** Of the server of the WebSocket. */
    name: 'text',
    /** Of the request, in Latin-1. */
    head: 'text',
    /** What has arrived of a message whose end has not, in base64. */
    half: 'text',
    /** What the application saved, serialised by node:v8, in base64. */
    state: 'text',
    /** What the client of a WebSocket was told in the answer to its upgrade. */
    protocol: 'text',
    extensions: 'text',
    /** The last bytes of a WebSocket that were inflated, in base64. */
    window: 'text',
    /** Whether the body of a stream is sent in chunks. */
    chunked: 'flag',
  },
  /** Predecessor to successor, with the descriptor of that connection. */
  'live-handle': { id: 'count' },
  /** Successor to predecessor: that connection is served here from now on, or there is no place for it. */
  'live-answer': { id: 'count', taken: 'flag' },
  /** Predecessor to successor: a call on a WebSocket that has moved, serialised by node:v8, in base64. */
  late: { id: 'count', call: 'text' },
  /** Predecessor to successor: answer this when you have read it. */
  'catch-up': {},
  'caught-up': {},
  /** Predecessor to successor, just before it exits: how its drain went. */
  ended: { pid: 'count', milliseconds: 'duration', migrated: 'count', cut: 'count' },
} as const

type Fields = typeof messageFields
type FieldsOf<Type extends keyof Fields> = {
  readonly [Field in keyof Fields[Type]]: Fields[Type][Field] extends keyof Values
    ? Values[Fields[Type][Field]]
    : never
}

export type Body = { [Type in keyof Fields]: { readonly type: Type } & FieldsOf<Type> }[keyof Fields]
export type Message = Body & { readonly zerodrop: typeof protocolVersion }

const checks: { readonly [Kind in keyof Values]: (value: unknown) => boolean } = {
  text: isText,
  texts: (value) => Array.isArray(value) && value.every(isText),
  flag: (value) => typeof value === 'boolean',
  count: isCount,
  counts: (value) => Array.isArray(value) && value.length > 0 && value.every(isCount),
  duration: (value) => Number.isFinite(value) && (value as number) >= 0,
  ticketKeys: (value) => Array.isArray(value) && value.every(isTicketKeys),
}

export function message(body: Body): Message {
  return { zerodrop: protocolVersion, ...body }
}

/** Returns the message if every field of it is as its type says; undefined for anything else. */
export function readMessage(value: unknown): Message | undefined {
  if (versionOf(value) !== protocolVersion) return undefined
  const { type } = value as { type?: unknown }
  if (typeof type !== 'string' || !Object.hasOwn(messageFields, type)) return undefined
  const fields = Object.entries<keyof Values>(messageFields[type as keyof Fields])
  const isWhole = fields.every(([field, kind]) => checks[kind]((value as Record<string, unknown>)[field]))
  return isWhole ? (value as Message) : undefined
}

/** The version of the protocol in which something was said; undefined if zerodrop did not say it. */
export function versionOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { zerodrop } = value as { zerodrop?: unknown }
  return Number.isInteger(zerodrop) ? (zerodrop as number) : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isTicketKeys(value: unknown): value is TicketKeys {
  if (typeof value !== 'object' || value === null) return false
  const { listener, keys, sessionIdContext, policy } = value as Record<keyof TicketKeys, unknown>
  const isSame = sessionIdContext === undefined || isText(sessionIdContext)
  return (
    isText(listener) && isSame && isText(policy) && isText(keys) && Buffer.from(keys, 'base64').length === 48
  )
}
