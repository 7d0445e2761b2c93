import type { WebSocketLike } from './web-socket.ts'
import type { Internals } from './ws-internals.ts'

const extension = 'permessage-deflate'

/** The negotiated extensions, in the same spelling as `extensionsIn`. */
export function extensionsOf(webSocket: WebSocketLike): string {
  const deflate = (webSocket as Internals)._extensions[extension]
  if (deflate === undefined) return ''
  const params = Object.entries(deflate.params).map(([key, value]) =>
    value === true ? key : `${key}=${String(value)}`,
  )
  return [extension, ...params.sort()].join(';')
}

/** The same from the header `Sec-WebSocket-Extensions` of a response. */
export function extensionsIn(header: string): string {
  const [name = '', ...params] = header.split(';').map((part) => part.trim())
  return [name, ...params.sort()].join(';')
}

/**
 * Whether a new receiver can read the next message of this client: not if that may refer to earlier
 * messages, as compression with context takeover does.
 */
export function readsAfresh(webSocket: WebSocketLike): boolean {
  const deflate = (webSocket as Internals)._extensions[extension]
  return (
    deflate === undefined ||
    deflate.params['client_no_context_takeover'] === true ||
    deflate._inflate === null
  )
}

/** How far back a compressed message can refer: RFC 7692, section 7.1.2. */
const windowSize = 2 ** 15

const windows = new WeakMap<WebSocketLike, { read(): Buffer }>()

/**
 * Keeps the data that a WebSocket inflates, as far back as the next message may refer to it.
 * @param before the data that another process has kept so far
 */
export function keepWindow(webSocket: WebSocketLike, before: Buffer | undefined): void {
  const deflate = (webSocket as Internals)._extensions[extension]
  if (deflate === undefined || deflate.params['client_no_context_takeover'] === true) return
  let window = before ?? Buffer.alloc(0)
  if (window.length > 0)
    deflate._options = {
      ...deflate._options,
      zlibInflateOptions: { ...deflate._options.zlibInflateOptions, dictionary: window },
    }
  const own = deflate.decompress
  deflate.decompress = function (data, fin, callback) {
    Reflect.apply(own, this, [
      data,
      fin,
      (error: Error | null, result?: Buffer) => {
        if (result !== undefined) window = Buffer.from(Buffer.concat([window, result]).subarray(-windowSize))
        callback(error, result)
      },
    ])
  }
  windows.set(webSocket, { read: () => window })
}

/** The data that `keepWindow` has kept for a WebSocket. */
export function keptWindow(webSocket: WebSocketLike): Buffer | undefined {
  return windows.get(webSocket)?.read()
}
