import { ServerResponse } from 'node:http'
import { type HeaderFields, onSerialise } from '../system/node-internals.ts'
import type { Release } from '../system/system.ts'

type Rewrite = (response: ServerResponse, fields: HeaderFields) => HeaderFields

/**
 * Lets a function rewrite the header fields of every response of this process before its head is serialised.
 *
 * This is for responses to a pipelining client that wait behind an earlier response. Node keeps them in a
 * closure until their turn comes, and zerodrop did not watch them before the drain, so there is no other way
 * to reach them. Used only during a drain that finds such a client.
 */
export function beforeHead(rewrite: Rewrite): Release {
  rewrites.add(rewrite)
  restore ??= onSerialise(ServerResponse.prototype, (response, fields) => {
    let rewritten = fields
    for (const each of rewrites) rewritten = each(response, rewritten)
    return rewritten
  })
  return () => {
    rewrites.delete(rewrite)
    if (rewrites.size > 0) return
    restore?.()
    restore = undefined
  }
}

/** One shadow for all of them. */
const rewrites = new Set<Rewrite>()
let restore: Release | undefined
