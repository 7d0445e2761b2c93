import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { shadow } from '../system/shadow.ts'
import type { Release } from '../system/system.ts'

/**
 * Calls back when a connection has closed, with all requests on it that were not answered. Node hides
 * requests that wait behind another one, but destroys each of them when their connection closes; for that
 * moment this shadows `destroy` of requests.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (abortIncoming)
 */
export function whenAborted(
  socket: Socket,
  listener: (requests: readonly IncomingMessage[]) => void,
): Release {
  const aborted = new Set<IncomingMessage>()
  let release: Release = () => {}
  const before = (): void => {
    release = shadow(
      IncomingMessage.prototype,
      'destroy',
      (original) =>
        function (this: IncomingMessage, error): IncomingMessage {
          if (this.socket === socket) aborted.add(this)
          return Reflect.apply(original, this, [error]) as IncomingMessage
        },
    )
  }
  const after = (): void => {
    release()
    listener([...aborted])
  }
  socket.prependListener('close', before)
  socket.on('close', after)
  return () => {
    socket.off('close', before)
    socket.off('close', after)
    release()
  }
}
