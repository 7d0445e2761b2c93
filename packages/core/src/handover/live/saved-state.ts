import { inspect } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { ZerodropError } from '../../errors/zerodrop-error.ts'

/** The most bytes that the state of one connection may take. */
export const mostState: number = 64 * 1024

/**
 * Copies the state that the application saves for a connection, for the message to the successor.
 * @throws `ERR_ZERODROP_SAVE_FAILED`, `ERR_ZERODROP_STATE_TOO_LARGE`
 */
export function encodeState(save: () => unknown): string {
  let bytes: Buffer
  try {
    const state = save()
    // The promise of an async function may reject, and no other code handles it.
    if (state instanceof Promise) state.catch(() => {})
    bytes = serialize(state)
  } catch (cause) {
    throw new ZerodropError(
      'ERR_ZERODROP_SAVE_FAILED',
      `The function "save" threw, or returned what the structured clone algorithm cannot copy: ${inspect(cause, { depth: 0 })}. ` +
        'Its connection stays in this process and is told to reconnect. This is reported once.',
      { cause },
    )
  }
  if (bytes.length <= mostState) return bytes.toString('base64')
  throw new ZerodropError(
    'ERR_ZERODROP_STATE_TOO_LARGE',
    `The function "save" returned a state of ${bytes.length} bytes, and ${mostState} is the limit. Save a key and keep the rest ` +
      'where both processes can read it. The connection stays in this process and is told to reconnect. This is reported once.',
  )
}

export function decodeState(text: string): unknown {
  return deserialize(Buffer.from(text, 'base64'))
}

/** A call of a method of a WebSocket, in a form that can be sent; undefined if its arguments cannot be copied. */
export function encodeCall(method: string, args: readonly unknown[]): string | undefined {
  try {
    return serialize([method, ...args.filter((arg) => typeof arg !== 'function')]).toString('base64')
  } catch {
    return undefined
  }
}

export function decodeCall(text: string): [method: string, ...args: unknown[]] {
  return deserialize(Buffer.from(text, 'base64')) as [string, ...unknown[]]
}
