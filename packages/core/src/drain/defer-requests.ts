import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { shadow } from '../system/shadow.ts'
import type { Release, System } from '../system/system.ts'

const dispatching: ReadonlySet<string | symbol> = new Set(['request', 'checkContinue', 'checkExpectation'])

/**
 * Lets the application see each request one event loop tick later. By then the whole chunk that contains it
 * is parsed, so zerodrop knows whether the client has pipelined more requests. Node emits a request while it
 * is still parsing, and an application that answers synchronously would write the response head before that
 * is known.
 * @param concerns selects the connections; requests of other connections are not deferred
 * @param take may answer a request itself; if it returns true, the application does not see it
 */
export function deferRequests(
  server: Server,
  system: System,
  concerns: (socket: Socket) => boolean,
  take: (request: IncomingMessage, response: ServerResponse) => boolean,
): Release {
  return shadow(
    server,
    'emit',
    (emit) =>
      function (this: Server, event: string | symbol, ...args: unknown[]): boolean {
        if (!dispatching.has(event) || !concerns((args[0] as IncomingMessage).socket))
          return Reflect.apply(emit, this, [event, ...args])
        system.setImmediate(() => {
          const [request, response] = args as [IncomingMessage, ServerResponse]
          if (!take(request, response)) Reflect.apply(emit, this, [event, ...args])
        })
        return true
      },
  )
}
