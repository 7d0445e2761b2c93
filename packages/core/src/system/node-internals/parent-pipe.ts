import { StringDecoder } from 'node:string_decoder'

/** The end of the channel that Node opened for `process`, if the process was started with one. */
export interface ParentPipe {
  /** The native handle, with which its descriptor can be sent to another process. */
  readonly handle: object
  readonly fd: number
  readonly serialization: 'json' | 'advanced'
  /** Continues to read after the part of a message that another process has read. */
  readStart(rest: Buffer): void
  /** @returns the part of an incomplete message that it has read, which it then forgets */
  readStop(): Buffer
}

/** The members that exist with both serializations. */
interface ChannelHandle {
  readonly fd: number
  buffering?: boolean
  readStart(): void
  readStop(): void
  [symbol: symbol]: unknown
}

/**
 * Stops and resumes reading from the channel of `process`: Node starts it once, and has no public way to
 * stop it.
 * https://github.com/nodejs/node/blob/v24.11.0/lib/internal/child_process.js (setupChannel), and for what it keeps of a
 * message https://github.com/nodejs/node/blob/v24.11.0/lib/internal/child_process/serialization.js
 */
export function parentPipe(): ParentPipe | undefined {
  const key = symbolOf(process, 'kChannelHandle')
  const handle = key && (Reflect.get(process, key) as ChannelHandle | undefined)
  if (typeof handle?.readStop !== 'function' || typeof handle.readStart !== 'function') return undefined
  if (!Number.isInteger(handle.fd) || handle.fd < 0) return undefined
  const { fd } = handle
  const [text, decoder] = [symbolOf(handle, 'kJSONBuffer'), symbolOf(handle, 'kStringDecoder')]
  if (text !== undefined && decoder !== undefined)
    return { handle, fd, serialization: 'json', ...jsonReader(handle, text, decoder) }
  const [chunks, size] = [symbolOf(handle, 'kMessageBuffer'), symbolOf(handle, 'kMessageBufferSize')]
  if (chunks !== undefined && size !== undefined)
    return { handle, fd, serialization: 'advanced', ...advancedReader(handle, chunks, size) }
  return undefined
}

type Reader = Pick<ParentPipe, 'readStart' | 'readStop'>

/** The decoded part of a line, and a decoder with the bytes of an incomplete character. */
function jsonReader(handle: ChannelHandle, text: symbol, decoder: symbol): Reader {
  const set = (rest: Buffer): void => {
    const fresh = new StringDecoder('utf8')
    Object.assign(handle, { [text]: fresh.write(rest), [decoder]: fresh, buffering: rest.length > 0 })
  }
  return {
    readStart(rest) {
      if (rest.length > 0) set(rest)
      handle.readStart()
    },
    readStop() {
      handle.readStop()
      const { lastChar, lastNeed = 0, lastTotal = 0 } = (handle[decoder] ?? {}) as Partial<PartialCharacter>
      const character =
        lastNeed > 0 && lastChar !== undefined ? lastChar.subarray(0, lastTotal - lastNeed) : []
      const rest = Buffer.concat([Buffer.from(handle[text] as string), Buffer.from(character)])
      set(Buffer.alloc(0))
      return rest
    },
  }
}

/** The bytes of an incomplete character in a `StringDecoder`. */
interface PartialCharacter {
  readonly lastChar: Buffer
  readonly lastNeed: number
  readonly lastTotal: number
}

/** The chunks of a message, and their length in bytes. */
function advancedReader(handle: ChannelHandle, chunks: symbol, size: symbol): Reader {
  const set = (rest: Buffer): void => {
    const isEmpty = rest.length === 0
    Object.assign(handle, { [chunks]: isEmpty ? [] : [rest], [size]: rest.length, buffering: !isEmpty })
  }
  return {
    readStart(rest) {
      if (rest.length > 0) set(rest)
      handle.readStart()
    },
    readStop() {
      handle.readStop()
      const rest = Buffer.concat(handle[chunks] as Buffer[])
      set(Buffer.alloc(0))
      return rest
    },
  }
}

/** A private symbol of Node, found by its description. */
function symbolOf(target: object, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(target).find(({ description }) => description === name)
}
