import type { ServerResponse } from 'node:http'
import { type HeaderFields, isOwnRecord, onSerialise } from '../system/node-internals.ts'
import { isLast } from './exchange.ts'

const told = new WeakSet<ServerResponse>()
const said = new WeakSet<ServerResponse>()

/**
 * Makes a response say `Connection: close` if it is the last that its client can expect, even if the
 * application sets another value: the server decides how long a connection lives. A pipelining client sends
 * no more requests after that, but must get the responses to its earlier ones, in order.
 *
 * This is decided when the head is written, because more requests can arrive until then.
 * @returns false if the head was written already and has promised to keep the connection
 */
export function sayClose(response: ServerResponse): boolean {
  if (response.headersSent) return !response.shouldKeepAlive
  if (told.has(response)) return true
  told.add(response)
  onSerialise(response, closeIfLast)
  let keepAlive = response.shouldKeepAlive
  // Node reads this property at that moment. A header of the application overrides it, so it is not enough.
  Object.defineProperty(response, 'shouldKeepAlive', {
    configurable: true,
    enumerable: true,
    get: () => keepAlive && !isLast(response),
    set: (value: boolean) => {
      keepAlive = value
    },
  })
  return true
}

/** The header fields with which a response says `Connection: close` if it is the last on its connection. */
export function closeIfLast(response: ServerResponse, fields: HeaderFields): HeaderFields {
  // With 101, the header is part of the upgrade.
  if (response.statusCode === 101 || !isLast(response)) return fields
  said.add(response)
  return withClose(response, fields)
}

/** Whether the head of a response has told its client that this response is the last on its connection. */
export function hasSaidClose(response: ServerResponse): boolean {
  return said.has(response)
}

function withClose(response: ServerResponse, fields: HeaderFields): HeaderFields {
  if (fields === undefined || fields === null) return ['Connection', 'close']
  if (isOwnRecord(response, fields)) {
    const value = closing([response.getHeader('connection')])
    response.removeHeader('Keep-Alive')
    response.setHeader('Connection', value)
    return fields
  }
  const entries = entriesOf(fields)
  const isNamed = ([key]: readonly [unknown, unknown], name: string): boolean =>
    String(key).toLowerCase() === name
  const value = closing(entries.filter((entry) => isNamed(entry, 'connection')).map((entry) => entry[1]))
  const others = entries.filter((entry) => !isNamed(entry, 'connection') && !isNamed(entry, 'keep-alive'))
  return [...others, ['Connection', value] as const].flat(1)
}

/** The headers that `writeHead()` accepts in three forms, as names and values. */
function entriesOf(fields: object): (readonly [unknown, unknown])[] {
  if (!Array.isArray(fields)) return Object.entries(fields)
  if (Array.isArray(fields[0])) return fields as [unknown, unknown][]
  const flat = fields as unknown[]
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1]] as const] : []))
}

/** The connection options that the application has set, such as `Upgrade` with a 426, and `close`. */
function closing(values: readonly unknown[]): string {
  const options = values
    .flat()
    .flatMap((value) => (typeof value === 'string' ? value.split(',') : []))
    .map((option) => option.trim())
    .filter((option) => option !== '' && !/^(close|keep-alive)$/i.test(option))
  return ['close', ...options].join(', ')
}
