import { halfReceivedBy } from './half-received.ts'
import type { WebSocketLike } from './web-socket.ts'
import type { Internals, Receiver } from './ws-internals.ts'

const judged = new WeakMap<object, boolean>()

/**
 * Whether this version of `ws` stores received data as `ws-internals.ts` describes. This is checked once for
 * each class: the fields must exist with their types, and `halfReceived` must restore every part of a
 * message that a receiver of that class gets.
 */
export function understands(webSocket: WebSocketLike): boolean {
  const { _receiver: receiver } = webSocket as Partial<Internals>
  const kind = receiver?.constructor
  if (kind === undefined) return false
  const known = judged.get(kind)
  if (known !== undefined) return known
  const verdict = hasFields(webSocket) && givesBack(kind as new () => Receiver)
  judged.set(kind, verdict)
  return verdict
}

function hasFields(webSocket: WebSocketLike): boolean {
  const { _socket, _sender, _receiver: receiver, _extensions } = webSocket as Partial<Internals>
  return (
    typeof _socket === 'object' &&
    typeof _extensions === 'object' &&
    typeof _sender?._firstFragment === 'boolean' &&
    Array.isArray(_sender._queue) &&
    (typeof _sender._state === 'number' || typeof _sender._deflating === 'boolean') &&
    typeof webSocket.bufferedAmount === 'number' &&
    typeof receiver?._loop === 'boolean' &&
    typeof receiver._state === 'number' &&
    typeof receiver._fragmented === 'number' &&
    typeof receiver._compressed === 'boolean' &&
    typeof receiver._fin === 'boolean' &&
    typeof receiver._opcode === 'number' &&
    typeof receiver._masked === 'boolean' &&
    typeof receiver._payloadLength === 'number' &&
    Array.isArray(receiver._fragments) &&
    Array.isArray(receiver._buffers)
  )
}

/** Shows a receiver the beginnings of two messages, and compares what `halfReceived` makes of each. */
function givesBack(Kind: new () => Receiver): boolean {
  const mask = Buffer.from([1, 2, 3, 4])
  const long = Buffer.concat([Buffer.from([0x82, 0xfe, 1, 0]), mask, Buffer.alloc(256, 7)])
  const ping = Buffer.concat([Buffer.from([0x89, 0x81]), mask, Buffer.from([9])])
  // A first fragment as it is rebuilt, with no mask, so that both look alike.
  const fragment = Buffer.from([0x01, 0x82, 0, 0, 0, 0, 104, 105])
  const rest = Buffer.concat([Buffer.from([0x80, 0x83]), mask, Buffer.from('abc')])
  try {
    return [long, Buffer.concat([fragment, ping]), Buffer.concat([fragment, rest])].every((bytes, index) => {
      const whole = index === 0 ? 0 : fragment.length
      for (let cut = whole; cut < bytes.length; cut++) {
        const receiver = new Kind()
        Reflect.set(receiver, '_isServer', true)
        receiver.write(Buffer.from(bytes.subarray(0, cut)))
        const same = halfReceivedBy(receiver).equals(bytes.subarray(0, cut))
        receiver.destroy()
        if (!same) return false
      }
      return true
    })
  } catch {
    return false
  }
}
