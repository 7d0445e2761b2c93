import type { ServerResponse } from 'node:http'
import { shadow } from '../shadow.ts'
import type { Release } from '../system.ts'

/**
 * The header fields that Node is about to serialise: its own record of `setHeader()`, or the argument of
 * `writeHead()`.
 */
export type HeaderFields = object | readonly unknown[] | null | undefined

type StoreHeader = (this: ServerResponse, firstLine: string, fields: HeaderFields, ...rest: unknown[]) => void

/**
 * Calls back when a response's head is serialised. Every way to write a head ends in this one method, even
 * on a response whose `writeHead` was wrapped.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_outgoing.js (_storeHeader)
 * @param target one response, or the prototype of all
 * @param rewrite returns the header fields to serialise
 */
export function onSerialise(
  target: ServerResponse,
  rewrite: (response: ServerResponse, fields: HeaderFields) => HeaderFields,
): Release | undefined {
  const writer = target as unknown as { _storeHeader: StoreHeader }
  if (typeof writer._storeHeader !== 'function') return undefined
  return shadow(
    writer,
    '_storeHeader',
    (original) =>
      function (this: ServerResponse, firstLine, fields, ...rest): void {
        Reflect.apply(original, this, [firstLine, rewrite(this, fields), ...rest])
      },
  )
}

/** Whether these header fields are Node's own record of what was set on the response, and not an argument of `writeHead()`. */
export function isOwnRecord(response: ServerResponse, fields: object): boolean {
  return Object.getOwnPropertySymbols(response).some((symbol) => Reflect.get(response, symbol) === fields)
}

interface Outgoing {
  readonly _header?: unknown
  readonly _headerSent?: unknown
}

/**
 * The head of a response as Node writes it, once it is serialised. `getHeader()` does not know the argument
 * of `writeHead()`.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_outgoing.js (_storeHeader, _send)
 */
export function headOf(response: ServerResponse): string | undefined {
  const { _header: head } = response as Outgoing
  return typeof head === 'string' ? head : undefined
}

/** The same, once it is on its way to the client: `headersSent` is true before, and Node 26 waits for more to send with it. */
export function sentHead(response: ServerResponse): string | undefined {
  return (response as Outgoing)._headerSent === true ? headOf(response) : undefined
}
