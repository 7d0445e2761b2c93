import { WebSocketServer } from 'ws'
import { hasMoved } from '../../../src/connections/moved.ts'
import { Handover } from '../../../src/handover/live/handover.ts'
import type { Departure } from '../../../src/handover/live/move.ts'
import type { AnyWebSocketsOptions } from '../../../src/handover/live/options.ts'
import { decodeCall, decodeState } from '../../../src/handover/live/saved-state.ts'
import { WebSocketMove } from '../../../src/handover/live/web-socket-move.ts'
import { FakeSystem } from '../../fake-system.ts'
import { destroyAll, movable } from '../movable-socket.ts'
import { accept, type Accepted, masked, requestHead, upgrade } from './accepted-web-socket.ts'
import { turns } from '../../turns.ts'

let system: FakeSystem
let wss: WebSocketServer
let handover: Handover
let takes: boolean
let warnings: [code: string, cause: unknown][]
beforeEach(() => {
  system = new FakeSystem()
  wss = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  handover = new Handover(() => {})
  takes = true
  warnings = []
})

afterEach(destroyAll)

const moveOf = (upgraded: Accepted['upgraded']): WebSocketMove =>
  new WebSocketMove(upgraded, {
    system,
    handover,
    takesName: (name) => takes && name === 'chat',
    onWarning: (code, cause) => warnings.push([code, cause]),
  })

/** A WebSocket of a server that is registered. */
function open(options: AnyWebSocketsOptions = {}, extensions?: string) {
  handover.websockets(wss, { name: 'chat', ...options } as object)
  const accepted = accept(wss, extensions)
  return { ...accepted, move: moveOf(accepted.upgraded) }
}

const departed = (move: WebSocketMove): Departure => {
  const departure = move.depart()
  if (typeof departure === 'string') throw new Error(departure)
  return departure
}

describe('a WebSocket', () => {
  test('is ready when no data is in flight', () => {
    const { move, socket } = open()
    expect([move.look(), move.target, move.socket === socket]).toEqual([
      'ready',
      { method: 'GET', url: '/chat?room=7' },
      true,
    ])
  })

  test('is ready in the middle of an incoming message', async () => {
    const { move, socket } = open()
    socket.push(masked(1, 'hello').subarray(0, 8))
    await turns()
    expect(move.look()).toBe('ready')
  })

  test('has ended when its connection has closed', () => {
    const { move, socket } = open()
    socket.destroy()
    expect(move.look()).toBe('over')
  })

  test('is busy until its upgrade is answered, and then belongs to another implementation', () => {
    const frames = { position: 'unanswered' }
    const move = moveOf(upgrade(movable(), frames))
    expect(move.look()).toBe('busy')
    frames.position = 'between'
    expect(move.look()).toBe('other-implementation')
  })

  test('is busy while it is closing', () => {
    const { move, webSocket } = open()
    webSocket.close()
    expect(move.look()).toBe('busy')
  })

  test('never moves if its server is not registered or the successor has no server of that name', () => {
    const stranger = moveOf(accept(new WebSocketServer({ noServer: true })).upgraded)
    const { move } = open()
    takes = false
    expect([stranger.look(), move.look()]).toEqual(['not-registered', 'not-taken'])
  })

  test('never moves if its version of ws is unknown', () => {
    open()
    const unknown = { close: () => {}, on: () => {}, _receiver: {} }
    wss.clients.add(unknown as never)
    const connection = movable()
    Reflect.set(connection.socket, Symbol('websocket'), unknown)
    expect(moveOf(upgrade(connection)).look()).toBe('other-version')
    expect(warnings).toEqual([['ERR_ZERODROP_WEBSOCKETS_UNKNOWN', undefined]])
  })

  test('never moves if its client may refer to compressed messages that this process has read', () => {
    const { move, webSocket } = open({}, 'permessage-deflate')
    expect(move.look()).toBe('ready')
    const [deflate] = Object.values(webSocket['_extensions' as never] as Record<string, object>)
    Object.assign(deflate!, { _inflate: {} })
    expect(move.look()).toBe('compressed')
    Object.assign(deflate!, { _inflate: null })
  })

  test('is busy until the application agrees', () => {
    let agrees = false
    const { move } = open({ isAtRest: () => agrees })
    expect(move.look()).toBe('busy')
    agrees = true
    expect(move.look()).toBe('ready')
  })

  test('never moves if the application throws', () => {
    const cause = new Error('broken on purpose')
    const { move } = open({
      isAtRest: () => {
        throw cause
      },
    })
    expect(move.look()).toBe('save-failed')
    expect(warnings).toEqual([['ERR_ZERODROP_SAVE_FAILED', cause]])
  })
})

test('pauses reading for one second, then reads for one, if its client sends without a pause', () => {
  const { move, handle } = open()
  handle.writeQueueSize = 1
  const read: [at: number, isRead: boolean][] = []
  for (; system.now() <= 2200; system.advance(1)) {
    expect(move.look()).toBe('busy')
    if (read.at(-1)?.[1] !== handle.isRead) read.push([system.now(), handle.isRead])
  }
  expect(read).toEqual([
    [0, true],
    [100, false],
    [1100, true],
    [2100, false],
  ])
  move.dispose()
  expect(handle.isRead).toBe(true)
})

test('keeps reading until the application agrees, which may depend on the client’s answer', () => {
  const { move, handle } = open({ isAtRest: () => false })
  handle.writeQueueSize = 1
  move.look()
  system.advance(100)
  move.look()
  expect(handle.isRead).toBe(false)
  handle.writeQueueSize = 0
  expect([move.look(), handle.isRead]).toEqual(['busy', true])
})

describe('a WebSocket being moved', () => {
  test('carries its request, a partial message and the saved state', async () => {
    const save = jest.fn(() => ({ room: 7 }))
    const { move, socket, handle, webSocket } = open({ save })
    const half = masked(1, 'hello').subarray(0, 8)
    socket.push(half)
    await turns()
    socket.setTimeout(5000)
    const { offer, handle: sent } = departed(move)
    expect(offer).toEqual({
      kind: 'websocket',
      name: 'chat',
      head: requestHead,
      half: half.toString('base64'),
      state: expect.any(String),
      protocol: '',
      extensions: '',
      window: '',
      chunked: false,
    })
    expect(decodeState(offer.state)).toEqual({ room: 7 })
    expect(save).toHaveBeenCalledWith(webSocket, {
      method: 'GET',
      url: '/chat?room=7',
      headers: { host: 'x', cookie: 'a=1' },
    })
    expect([sent === handle, handle.isRead, socket.timeout]).toEqual([true, false, 0])
  })

  test('stays open for its application once taken, and its calls are made in the successor', async () => {
    const { move, socket, webSocket, take } = open()
    const closed = jest.fn()
    webSocket.on('close', closed)
    const departure = departed(move)
    webSocket.send('on its way')
    const calls: unknown[] = []
    departure.taken((call) => calls.push(decodeCall(call)))
    webSocket.send('late')
    await turns()
    expect(calls).toEqual([
      ['send', 'on its way'],
      ['send', 'late'],
    ])
    expect([hasMoved(socket), socket.destroyed, webSocket.readyState, closed.mock.calls.length]).toEqual([
      true,
      true,
      1,
      0,
    ])
    expect([wss.clients.size, take().length]).toEqual([0, 0])
  })

  test('continues here if it stays: held messages are sent, and reading resumes', async () => {
    const stay = jest.fn()
    const { move, socket, handle, webSocket, take } = open({ save: () => 'state', stay })
    socket.setTimeout(5000)
    const departure = departed(move)
    webSocket.send('hi')
    expect(take()).toEqual(Buffer.alloc(0))
    departure.stays()
    expect([handle.isRead, socket.timeout, take()]).toEqual([true, 5000, Buffer.from([0x81, 2, 104, 105])])
    expect(stay).toHaveBeenCalledWith(webSocket, 'state')
    socket.setTimeout(0)
    await turns()
  })

  test('carries data that was read but not delivered, and gets it back if it stays', async () => {
    const { move, socket, messages } = open()
    const bytes = masked(1, 'held')
    socket.pause()
    socket.push(bytes)
    await turns()
    const departure = departed(move)
    expect(departure.offer.half).toBe(bytes.toString('base64'))
    departure.stays()
    socket.resume()
    await turns()
    expect(messages).toEqual(['held'])
  })

  test('calls no application code if the WebSocket has closed in the meantime', () => {
    const stay = jest.fn()
    const { move, socket } = open({ stay })
    const departure = departed(move)
    socket.destroy()
    departure.stays()
    expect(stay).not.toHaveBeenCalled()
  })

  test('stays if "save" throws', () => {
    const stay = jest.fn()
    const cause = new Error('broken on purpose')
    const { move, handle, webSocket, take } = open({
      save: () => {
        webSocket.send('bye')
        throw cause
      },
      stay,
    })
    expect(move.depart()).toBe('save-failed')
    expect(warnings).toEqual([['ERR_ZERODROP_SAVE_FAILED', expect.objectContaining({ cause })]])
    // The data written by then is sent here.
    expect([handle.isRead, take().length, stay.mock.calls.length]).toEqual([true, 5, 0])
  })

  test('is returned to its application if its state cannot be sent', () => {
    const stay = jest.fn()
    const state = { callback: () => {} }
    const { move, handle, webSocket } = open({ save: () => state, stay })
    expect([move.depart(), handle.isRead]).toEqual(['save-failed', true])
    expect(stay.mock.calls).toEqual([[webSocket, state]])
  })

  test('reports an error thrown by "stay" in that case', () => {
    const cause = new Error('broken on purpose')
    const { move } = open({
      save: () => () => {},
      stay: () => {
        throw cause
      },
    })
    expect(move.depart()).toBe('save-failed')
    expect(warnings.map(([, error]) => error === cause)).toEqual([false, true])
  })

  test('stays if the kernel does not know its connection or its server is not registered', () => {
    const { move, socket } = open()
    const stranger = moveOf(accept(new WebSocketServer({ noServer: true })).upgraded)
    Reflect.set(socket, '_handle', null)
    expect([move.depart(), stranger.depart()]).toEqual(['no-descriptor', 'not-registered'])
  })
})
