import type { Address } from '../listeners/address.ts'
import { protocolVersion } from '../system/boot.ts'

/**
 * The data that lets the next process resume a TLS session. It is secret, so it travels only over the
 * channel.
 */
export interface TicketKeys {
  readonly listener: Address
  /** The 48 bytes of `server.getTicketKeys()`, in base64. */
  readonly keys: string
  /** OpenSSL resumes a session only if its session id context is the same. */
  readonly sessionIdContext: string | undefined
  /** The server's requirements for its clients: keys go only to a server with the same requirements. */
  readonly policy: string
}

/** The types of message fields. */
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
 * The messages between two generations over the successor's channel, by type, with the fields of each. If
 * you change one, raise `protocolVersion`: a test checks that.
 */
export const messageFields = {
  /** Successor to predecessor, first: it runs zerodrop and reads messages. */
  started: {},
  /** Predecessor to successor, in answer: the ticket keys of all its TLS servers. */
  'ticket-keys': { servers: 'ticketKeys' },
  /**
   * Successor to predecessor, before it is ready, with the descriptor of a socket that it listens on: so the
   * kernel keeps the socket and the connections in its queue if the successor dies before the predecessor.
   */
  spare: { listener: 'text' },
  /** Successor to predecessor, until it is ready: its output on stderr, or the error that ends it. */
  stderr: { text: 'text' },
  /** Successor to predecessor, until it is ready: the reason why it is not, whenever that changes. */
  'not-ready': { reason: 'text' },
  /** Successor to predecessor, once: it listens and serves. */
  ready: {},
  /** Predecessor to successor, once it is ready: accept on the inherited sockets, as this process does. */
  accept: {},
  /** Successor to predecessor: it accepts already, because Node did not let it hold back a socket. */
  accepts: {},
  /** Predecessor to successor: do not take over; finish your requests and exit. */
  stop: {},
  /** Successor to predecessor: it was told to stop, so the predecessor must not take over again. */
  stopping: {},
  /**
   * Predecessor to successor, once: you are the serving process from now on; this process hands over and
   * ends.
   */
  serve: {},
  /**
   * Predecessor to successor, once: this process no longer reads the messages of their common parent. The
   * field has the part of an incomplete message that it has read, in base64.
   */
  parent: { rest: 'text' },
  /** Predecessor to successor, repeatedly from `ready` on: are you alive? */
  ask: { id: 'count' },
  /** Successor to predecessor, in answer. */
  alive: { id: 'count' },
  /** Either to the other: a restart was requested during this one. */
  restart: {},
  /** Successor to predecessor, until it is ready: it has received a signal that restarts the predecessor. */
  signal: { name: 'text' },
  /**
   * Predecessor to successor, with the descriptor of a connection that is between two requests, or that has
   * had none unless it is `used`. `requests` is how many it has had, if its server limits them.
   */
  connection: { id: 'count', listener: 'text', used: 'flag', requests: 'count' },
  /** Successor to predecessor: it serves these connections from now on. */
  taken: { ids: 'counts' },
  /**
   * Successor to predecessor: keep these connections. If no server is `listening` at their address in the
   * successor, the predecessor need not send other connections of that address either.
   */
  declined: { ids: 'counts', listening: 'flag' },
  /** Successor to predecessor, whenever that changes: the live connections that it can take over. */
  takes: { webSockets: 'texts', streams: 'flag' },
  /**
   * Predecessor to successor: a WebSocket or an event stream, whose descriptor comes with the `live-handle`
   * of this id. A handle may only go with a message that is read at once, and this one can be large. The
   * successor handles its request again.
   */
  live: {
    id: 'count',
    listener: 'text',
    /** 'websocket' or 'stream'. */
    kind: 'text',
    /** The name of the WebSocket's server. */
    name: 'text',
    /** The head of the request, in Latin-1. */
    head: 'text',
    /** The part of an incomplete message that has arrived, in base64. */
    half: 'text',
    /** The state that the application saved, serialised by node:v8, in base64. */
    state: 'text',
    /** The subprotocol and the extensions in the response to the upgrade of a WebSocket. */
    protocol: 'text',
    extensions: 'text',
    /** The last bytes that a WebSocket has inflated, in base64. */
    window: 'text',
    /** Whether the body of a stream is sent in chunks. */
    chunked: 'flag',
  },
  /** Predecessor to successor, with the descriptor of that connection. */
  'live-handle': { id: 'count' },
  /** Successor to predecessor: it serves that connection from now on, or declines it. */
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

/** Returns the message if every field matches its type; undefined for anything else. */
export function readMessage(value: unknown): Message | undefined {
  if (versionOf(value) !== protocolVersion) return undefined
  const { type } = value as { type?: unknown }
  if (typeof type !== 'string' || !Object.hasOwn(messageFields, type)) return undefined
  const fields = Object.entries<keyof Values>(messageFields[type as keyof Fields])
  const isWhole = fields.every(([field, kind]) => checks[kind]((value as Record<string, unknown>)[field]))
  return isWhole ? (value as Message) : undefined
}

/** The protocol version of a message; undefined if zerodrop did not send it. */
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
