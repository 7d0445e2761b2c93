import type { WebSocketLike } from './web-socket.ts'
import type { Internals, Receiver } from './ws-internals.ts'

/**
 * The bytes of an incomplete message, in a form that another receiver reads as the same message: the parts
 * that were consumed already (its first fragments, the head of the open frame) are written again.
 */
export function halfReceived(webSocket: WebSocketLike): Buffer {
  return halfReceivedBy((webSocket as Internals)._receiver)
}

/** The same of a receiver. */
export function halfReceivedBy(receiver: Receiver): Buffer {
  const { _fragmented: fragmented, _state: state, _opcode: opcode } = receiver
  const fragments = Buffer.concat(receiver._fragments)
  const isControl = opcode > 7
  const inFrame = state > 0
  // Otherwise the open frame is the first fragment, or can count as the first, because those before it were
  // empty.
  const begun = fragmented !== 0 && (fragments.length > 0 || !inFrame || isControl)
  const parts: Uint8Array[] = []
  if (begun) parts.push(header({ first: fragmented, length: fragments.length }), Buffer.alloc(4), fragments)
  if (inFrame) {
    const compressed = receiver._compressed && !isControl && !begun ? 0x40 : 0
    const continued = begun && !isControl
    const first = (receiver._fin ? 0x80 : 0) | compressed | (continued ? 0 : opcode)
    // In the states 1 and 2, this value says how long the length field is.
    if (state < 3) parts.push(Buffer.from([first, 0x80 | receiver._payloadLength]))
    else parts.push(header({ first, length: receiver._payloadLength }))
    if (state === 4 && receiver._mask !== undefined) parts.push(receiver._mask)
  }
  return Buffer.concat([...parts, ...receiver._buffers])
}

/** The head of a masked frame, up to the mask. */
function header({ first, length }: { first: number; length: number }): Buffer {
  if (length < 126) return Buffer.from([first, 0x80 | length])
  if (length < 2 ** 16) return Buffer.from([first, 0x80 | 126, length >> 8, length & 0xff])
  const head = Buffer.alloc(10)
  head.set([first, 0x80 | 127])
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}
