import { EventEmitter } from 'node:events'
import { deserialize } from 'node:v8'
import { WebSocketServer } from 'ws'
import { requestHead, withHeader } from '../../src/connections/request-head.ts'
import type { WebSocketLike } from '../../src/connections/web-socket.ts'
import { understands } from '../../src/connections/ws-versions.ts'
import { EventPosition } from '../../src/handover/live/event-position.ts'
import { Handover } from '../../src/handover/live/handover.ts'
import { openingRequest } from '../../src/handover/live/opening-request.ts'
import {
  decodeCall,
  decodeState,
  encodeCall,
  encodeState,
  mostState,
} from '../../src/handover/live/saved-state.ts'

describe('the position in an event stream', () => {
  const at = (...chunks: (string | Uint8Array)[]) => {
    const position = new EventPosition('before')
    for (const chunk of chunks) position.add(chunk, 'utf8')
    return [position.id, position.isBetweenEvents]
  }

  test.each([
    ['nothing', [], 'before', true],
    ['an event', ['id: 1\ndata: x\n\n'], '1', true],
    ['an event without an id', ['data: x\n\n'], 'before', true],
    ['several events', ['id: 1\ndata: x\n\nid: 2\ndata: y\n\n'], '2', true],
    ['an event and a half', ['id: 1\ndata: x\n\nid: 2\ndata: y\n'], '1', false],
    ['a line and a half', ['id: 1\ndat'], 'before', false],
    ['an event in pieces', ['i', 'd', ':', ' 1', '2\nda', 'ta: x', '\n', '\n'], '12', true],
    ['carriage returns', ['id: 1\r\ndata: x\r\n\r\n'], '1', true],
    ['carriage returns alone', ['id: 1\rdata: x\r\r'], '1', true],
    ['a line end cut in two', ['id: 1\r', '\ndata: x\r', '\n'], 'before', false],
    ['a blank line cut in two', ['id: 1\r\ndata: x\r\n\r', '\n'], '1', true],
    ['a comment', [': ping\n'], 'before', true],
    ['half a comment', [': pi'], 'before', false],
    ['a comment within an event', ['id: 1\n: ping\n'], 'before', false],
    ['an id without a space', ['id:1\ndata: x\n\n'], '1', true],
    ['an id with two spaces', ['id:  1\ndata: x\n\n'], ' 1', true],
    ['an id without a value', ['id\ndata: x\n\n'], '', true],
    ['an id that is empty', ['id:\n\n'], '', true],
    ['an id alone', ['id: 7\n\n'], '7', true],
    ['an id with a NUL', ['id: 1\0\ndata: x\n\n'], 'before', true],
    ['another field that begins like it', ['idle: 1\ndata: x\n\n'], 'before', true],
    ['an id in the data', ['data: id: 9\n\n'], 'before', true],
    ['two ids in one event', ['id: 1\nid: 2\ndata: x\n\n'], '2', true],
    ['bytes', [Buffer.from('id: 3\ndata: x\n\n')], '3', true],
    ['an empty chunk', ['id: 3\ndata: x\n\n', ''], '3', true],
    ['retry', ['retry: 100\n\n'], 'before', true],
  ])('behind %s', (_name, chunks, id, between) => {
    expect(at(...(chunks as string[]))).toEqual([id, between])
  })

  test('takes an id for its bytes, as a header has them', () => {
    const [id] = at('id: ünï\ndata: x\n\n')
    expect(Buffer.from(id as string, 'latin1').toString()).toBe('ünï')
    const bytes = Buffer.from('id: ü\n\n')
    expect(at(bytes.subarray(0, 5), bytes.subarray(5))).toEqual([Buffer.from('ü').toString('latin1'), true])
  })

  test('keeps little of a line that does not end', () => {
    const position = new EventPosition()
    for (let each = 0; each < 100; each++) position.add(`data: ${'x'.repeat(100_000)}`, 'utf8')
    position.add('\n\nid: 1\n\n', 'utf8')
    expect(position.id).toBe('1')
  })
})

describe('the head of a request', () => {
  const request = {
    method: 'GET',
    url: '/changed',
    httpVersion: '1.1',
    rawHeaders: [
      'Host',
      'x',
      'Cookie',
      'a=1',
      'cookie',
      'b=2',
      'Last-Event-ID',
      '3',
      'X-Twice',
      '1',
      'X-Twice',
      '2',
    ],
  }
  const head = requestHead(request as never, '/was?it')

  test('is written as it came', () => {
    expect(head).toBe(
      'GET /was?it HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\ncookie: b=2\r\nLast-Event-ID: 3\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n',
    )
  })

  test('changes one header', () => {
    expect(withHeader(head, 'last-event-id', '4')).toBe(
      `${head.replace('Last-Event-ID: 3\r\n', '').slice(0, -2)}last-event-id: 4\r\n\r\n`,
    )
    expect(withHeader(head, 'Last-Event-ID', undefined)).toBe(head.replace('Last-Event-ID: 3\r\n', ''))
  })

  test('is read as Node would', () => {
    expect(openingRequest(head)).toEqual({
      method: 'GET',
      url: '/was?it',
      headers: { host: 'x', cookie: 'a=1; b=2', 'last-event-id': '3', 'x-twice': '1, 2' },
    })
  })
})

describe('a state', () => {
  test('is copied as the structured clone algorithm does', () => {
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
  ])('that is %s is an error', (_name, save) => {
    expect(() => encodeState(save)).toThrow(expect.objectContaining({ code: 'ERR_ZERODROP_SAVE_FAILED' }))
  })

  test('has a limit', () => {
    const overhead =
      Buffer.from(
        encodeState(() => Buffer.alloc(0)),
        'base64',
      ).length + 4
    expect(() => encodeState(() => Buffer.alloc(mostState - overhead))).not.toThrow()
    expect(() => encodeState(() => Buffer.alloc(mostState + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_ZERODROP_STATE_TOO_LARGE' }),
    )
  })

  test('a call goes along with its arguments, and without callbacks', () => {
    const call = encodeCall('send', [Buffer.from('x'), { binary: true }, () => {}])
    expect(decodeCall(call!)).toEqual(['send', Buffer.from('x'), { binary: true }])
    expect(encodeCall('send', [{ method: () => {} }])).toBeUndefined()
    expect(deserialize(Buffer.from(encodeCall('close', [])!, 'base64'))).toEqual(['close'])
  })
})

describe('handover.websockets()', () => {
  test.each([undefined, null, 1, {}, new EventEmitter()])('refuses %p', (server) => {
    const handover = new Handover(() => {})
    expect(() => handover.websockets(server as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ZERODROP_WEBSOCKETS_INVALID' }),
    )
  })

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

  test('says what it takes, each server once', () => {
    const changes: string[][] = []
    const handover = new Handover(() => changes.push([...handover.takes.webSockets]))
    const [one, other] = [
      new WebSocketServer({ noServer: true }),
      new WebSocketServer({ noServer: true, path: '/x' }),
    ]
    handover.websockets(one as never)
    handover.websockets(other as never)
    handover.websockets(one as never, { name: 'one' })
    expect(changes).toEqual([['*'], ['*', '/x'], ['/x', 'one']])
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

test('what is no WebSocket of ws is not understood', () => {
  expect(understands({ _receiver: {} } as unknown as WebSocketLike)).toBe(false)
  expect(understands({} as WebSocketLike)).toBe(false)
  expect(understands(new EventEmitter() as WebSocketLike)).toBe(false)
})
