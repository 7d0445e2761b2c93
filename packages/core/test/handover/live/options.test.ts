import { EventEmitter } from 'node:events'
import { WebSocketServer } from 'ws'
import { Handover } from '../../../src/handover/live/handover.ts'

describe('handover.websockets()', () => {
  test.each([undefined, null, 1, {}, new EventEmitter(), { handleUpgrade: () => {} }])(
    'refuses %p',
    (server) => {
      const handover = new Handover(() => {})
      expect(() => handover.websockets(server as never)).toThrow(
        expect.objectContaining({ code: 'ERR_ZERODROP_WEBSOCKETS_INVALID' }),
      )
    },
  )

  test.each([
    [{ saves: () => {} }, 'ERR_ZERODROP_OPTION_UNKNOWN'],
    [{ save: 1 }, 'ERR_ZERODROP_OPTION_INVALID'],
    [{ stay: 'x' }, 'ERR_ZERODROP_OPTION_INVALID'],
    [{ name: 1 }, 'ERR_ZERODROP_OPTION_INVALID'],
    [{ keepWindow: 'yes' }, 'ERR_ZERODROP_OPTION_INVALID'],
    [null, 'ERR_ZERODROP_OPTION_INVALID'],
  ])('refuses the options %p', (options, code) => {
    const handover = new Handover(() => {})
    const server = new WebSocketServer({ noServer: true })
    expect(() => handover.websockets(server as never, options as never)).toThrow(
      expect.objectContaining({ code }),
    )
    expect(handover.takes.webSockets).toEqual([])
  })
})

describe('handover.streams()', () => {
  test.each([
    [[{}], 'ERR_ZERODROP_SERVER_INVALID'],
    [[undefined, { matches: () => true }], 'ERR_ZERODROP_OPTION_UNKNOWN'],
    [[undefined, { match: true }], 'ERR_ZERODROP_OPTION_INVALID'],
    [[undefined, { save: {} }], 'ERR_ZERODROP_OPTION_INVALID'],
  ])('refuses %p', (args, code) => {
    const handover = new Handover(() => {})
    expect(() => handover.streams(...(args as []))).toThrow(expect.objectContaining({ code }))
    expect(handover.takes.streams).toBe(false)
  })
})
