import { deserialize, serialize } from 'node:v8'
import {
  decodeCall,
  decodeState,
  encodeCall,
  encodeState,
  mostState,
} from '../../../src/handover/live/saved-state.ts'

describe('a saved state', () => {
  test('is copied by the structured clone algorithm', () => {
    const state = { map: new Map([[1, new Set(['x'])]]), date: new Date(0), big: 1n, bytes: Buffer.from('x') }
    expect(decodeState(encodeState(() => state))).toEqual(state)
  })

  test.each([
    ['a function', () => () => {}],
    ['a promise', async () => 1],
    ['a rejection', () => Promise.reject(new Error('x'))],
    [
      'an error thrown',
      () => {
        throw new Error('x')
      },
    ],
  ])('with %s throws', (_name, save) => {
    expect(() => encodeState(save)).toThrow(expect.objectContaining({ code: 'ERR_ZERODROP_SAVE_FAILED' }))
  })

  test('has a size limit', () => {
    const size = (length: number): number => serialize(Buffer.alloc(length)).length
    const most = 2 * (mostState - 100) + 100 - size(mostState - 100)
    expect(size(most)).toBe(mostState)
    expect(() => encodeState(() => Buffer.alloc(most))).not.toThrow()
    expect(() => encodeState(() => Buffer.alloc(most + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_ZERODROP_STATE_TOO_LARGE' }),
    )
  })

  test('carries a call with its arguments and without callbacks', () => {
    const call = encodeCall('send', [Buffer.from('x'), { binary: true }, () => {}])
    expect(decodeCall(call!)).toEqual(['send', Buffer.from('x'), { binary: true }])
    expect(encodeCall('send', [{ method: () => {} }])).toBeUndefined()
    expect(deserialize(Buffer.from(encodeCall('close', [])!, 'base64'))).toEqual(['close'])
  })
})
