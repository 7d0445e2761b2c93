import { ServerResponse } from 'node:http'
import type { Release } from '../system/system.ts'

type Listener = (response: ServerResponse) => void
type WriteHead = (this: ServerResponse, ...args: unknown[]) => ServerResponse

/**
 * Calls back before any response of this process writes its head: Node goes through the public `writeHead` for those
 * that it writes by itself, too.
 *
 * For responses that wait behind an earlier one to a client that pipelines. Node keeps them in a closure until their
 * turn, and before the drain nobody looked when they were made, so there is no other way to reach them. Only for the
 * time of a drain that finds such a client.
 */
export function beforeHead(listener: Listener): Release {
  listeners.add(listener)
  restore ??= shadow()
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    restore?.()
    restore = undefined
  }
}

/** One shadow for all: several of them would have to be taken off in reverse order. */
const listeners = new Set<Listener>()
let restore: Release | undefined

function shadow(): Release {
  const { prototype } = ServerResponse
  const original = Reflect.get(prototype, 'writeHead') as WriteHead
  const writeHead = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    for (const listener of listeners) listener(this)
    return Reflect.apply(original, this, args)
  }
  Reflect.set(prototype, 'writeHead', writeHead)
  return () => {
    // Whoever has shadowed it since keeps theirs; ours does nothing any more.
    if (Reflect.get(prototype, 'writeHead') === writeHead) Reflect.set(prototype, 'writeHead', original)
  }
}
