import type { Socket } from 'node:net'
import { duplexPair, type Duplex } from 'node:stream'
import type { Connections } from '../../src/connections/connections.ts'
import type { Upgraded } from '../../src/connections/upgrades.ts'
import { UpgradedDrain } from '../../src/drain/upgraded-drain.ts'
import { Attempts } from '../../src/errors/attempts.ts'
import type { FramePosition } from '../../src/connections/written-frames.ts'
import { FakeSystem } from '../fake-system.ts'
import { turns } from '../turns.ts'

interface Entry {
  socket: Socket
  stream: Duplex
  client: Duplex
  protocol: string
  frames: { position: FramePosition; onBetween(listener: () => void): void } | undefined
  /** The listener for the end of the frame being written. */
  whole: () => void
}

let system: FakeSystem
let open: Map<Socket, Entry>
let changed: () => void
beforeEach(() => {
  system = new FakeSystem()
  open = new Map()
  changed = () => {}
})

/** A WebSocket of an implementation that is not `ws`. */
function connect(position: FramePosition = 'between', protocol = 'websocket'): Entry {
  const [here, client] = duplexPair()
  const entry: Entry = {
    socket: here as Socket,
    stream: here,
    client,
    protocol,
    whole: () => {},
    frames: {
      position,
      onBetween: (listener) => {
        entry.whole = listener
      },
    },
  }
  open.set(entry.socket, entry)
  return entry
}

/** A WebSocket of `ws`, which keeps it on the socket. */
function connectWs() {
  const codes: unknown[] = []
  const entry = connect()
  Reflect.set(entry.stream, Symbol('websocket'), { close: (code: unknown) => codes.push(code) })
  return { ...entry, codes }
}

function drain(leaves?: (upgraded: Upgraded) => boolean): UpgradedDrain {
  const connections = {
    upgraded: open,
    onChange: (listener: () => void) => {
      changed = listener
      return () => {
        changed = () => {}
      }
    },
  } as unknown as Connections
  return new UpgradedDrain(connections, system, { code: 1012, attempts: new Attempts(() => {}) }, leaves)
}

const received = async ({ client }: Entry): Promise<unknown> => {
  await turns()
  return client.read() as Buffer | null
}
const frame = Buffer.from([0x88, 2, 1012 >> 8, 1012 & 0xff])

/** A frame as a client sends it. */
function masked(opcode: number, payload: Buffer): Buffer {
  const mask = Buffer.from([1, 2, 3, 4])
  return Buffer.concat([
    Buffer.from([0x80 | opcode, 0x80 | payload.length]),
    mask,
    payload.map((byte, index) => byte ^ mask[index % 4]!),
  ])
}

test('ws closes its own WebSockets; zerodrop writes the close frame for other implementations', async () => {
  const [own, other, tunnel] = [connectWs(), connect(), connect('between', 'connect')]
  const each = drain()
  each.start(0)
  expect(own.codes).toEqual([1012])
  expect([await received(own), await received(other), await received(tunnel)]).toEqual([null, frame, null])
  expect([each.told, each.waiting, system.timers]).toEqual([2, false, 0])
})

test('close frames are spread evenly over closeSpread', () => {
  const own = [connectWs(), connectWs(), connectWs(), connectWs()]
  const told = (): number[] => own.map(({ codes }) => codes.length)
  const each = drain()
  each.start(1000)
  expect([told(), each.waiting]).toEqual([[1, 0, 0, 0], true])
  system.advance(249)
  expect(told()).toEqual([1, 0, 0, 0])
  system.advance(1)
  expect(told()).toEqual([1, 1, 0, 0])
  system.advance(500)
  expect([told(), each.waiting]).toEqual([[1, 1, 1, 1], false])
})

test('the close frame waits until the upgrade is answered', async () => {
  const entry = connect('unanswered')
  const each = drain()
  each.start(0)
  system.advance(24)
  entry.frames!.position = 'between'
  expect([await received(entry), each.waiting]).toEqual([null, true])
  system.advance(1)
  expect([await received(entry), each.waiting]).toEqual([frame, false])
})

test('the close frame waits for the end of the frame being written', async () => {
  const entry = connect('within')
  drain().start(0)
  system.advance(1000)
  expect(await received(entry)).toBeNull()
  entry.frames!.position = 'between'
  entry.whole()
  expect(await received(entry)).toEqual(frame)
})

test.each(['closed', 'unknown'] as const)(
  'nothing is written on a WebSocket that is %s',
  async (position) => {
    const entry = connect(position)
    const each = drain()
    each.start(0)
    system.advance(1000)
    expect([await received(entry), each.told, system.timers]).toEqual([null, 0, 0])
  },
)

test('nothing is written if the frames are not followed or the socket has ended', async () => {
  const [unfollowed, ended] = [connect(), connectWs()]
  unfollowed.frames = undefined
  ended.stream.end()
  const each = drain()
  each.start(0)
  expect([await received(unfollowed), ended.codes, each.told]).toEqual([null, [], 0])
})

describe('the connection ends after the client’s answer', () => {
  const code = Buffer.from([1012 >> 8, 1012 & 0xff])
  test.each([
    ['with the code', masked(8, code), true],
    ['with the code and a reason', masked(8, Buffer.concat([code, Buffer.from('bye')])), true],
    ['without a code', masked(8, Buffer.alloc(0)), true],
    ['behind a message', Buffer.concat([masked(1, Buffer.from('hi')), masked(8, code)]), true],
    ['but not behind a message', masked(1, code), false],
    ['but not behind another code', masked(8, Buffer.from([3, 0xe8])), false],
    ['but not behind half of it', masked(8, code).subarray(0, 6), false],
    [
      'but not behind a message that ends like one without a code',
      Buffer.concat([masked(2, code), masked(8, Buffer.alloc(0))]).subarray(2),
      false,
    ],
    ['but not behind a pong', masked(10, Buffer.alloc(0)), false],
  ])('%s', async (_what, answer, ends) => {
    const entry = connect()
    drain().start(0)
    entry.client.write(answer)
    await turns()
    expect(entry.stream.writableEnded).toBe(ends)
  })
})

describe('a WebSocket that is going to move', () => {
  test('gets no close frame until it stays, and then each WebSocket at a different time', () => {
    const own = [connectWs(), connectWs(), connectWs()]
    const times: number[] = []
    for (const { stream } of own)
      Reflect.set(stream, Object.getOwnPropertySymbols(stream).at(-1)!, {
        close: () => times.push(system.now()),
      })
    const each = drain(() => true)
    each.start(1000)
    system.advance(5000)
    expect([times, each.waiting]).toEqual([[], true])
    each.allStay()
    system.advance(1000)
    const share = 0.618_034
    expect(times.map((time) => time - 5000)).toEqual([
      0,
      expect.closeTo(1000 * ((2 * share) % 1)),
      expect.closeTo(1000 * share),
    ])
    expect(each.waiting).toBe(false)
  })

  test('stays only once, and only if it was going to move', () => {
    const [leaving, other] = [connectWs(), connectWs()]
    const each = drain(({ socket }) => socket === leaving.socket)
    each.start(0)
    expect([leaving.codes, other.codes]).toEqual([[], [1012]])
    for (let call = 0; call < 2; call++) for (const { socket } of [leaving, other]) each.stays(socket)
    system.advance(1000)
    expect([leaving.codes, other.codes]).toEqual([[1012], [1012]])
  })

  test('gets its close frame at once at the deadline, unless it is being moved', () => {
    const [leaving, underWay] = [connectWs(), connectWs()]
    const each = drain(() => true)
    each.start(1000)
    each.force(new Set([underWay.socket]))
    expect([leaving.codes, underWay.codes, each.waiting]).toEqual([[1012], [], false])
  })

  test('no longer delays the drain once it has closed', () => {
    const { socket } = connectWs()
    const each = drain(() => true)
    each.start(0)
    open.delete(socket)
    changed()
    expect(each.waiting).toBe(false)
  })
})

test('a WebSocket that opens during the drain gets its close frame once its upgrade is answered', () => {
  const each = drain()
  each.start(1000)
  const late = connectWs()
  changed()
  changed()
  expect([late.codes, each.waiting]).toEqual([[], true])
  system.advance(0)
  expect([late.codes, each.waiting, system.timers]).toEqual([[1012], false, 0])
})

test('a WebSocket that closes early leaves no timer', () => {
  const [, second] = [connectWs(), connectWs()]
  const each = drain()
  each.start(1000)
  open.delete(second.socket)
  changed()
  expect([each.waiting, system.timers]).toEqual([false, 0])
})

test('dispose() leaves no timer, and no close frame is sent after it', () => {
  const [, second] = [connectWs(), connectWs()]
  const each = drain()
  each.start(1000)
  each.dispose()
  const late = connectWs()
  changed()
  system.advance(5000)
  expect([second.codes, late.codes, each.waiting, system.timers]).toEqual([[], [], false, 0])
})

test('a WebSocket that throws does not prevent the others from being closed', () => {
  const [broken, sound] = [connect(), connectWs()]
  Reflect.set(broken.stream, Symbol('websocket'), {
    close: () => {
      throw new Error('broken on purpose')
    },
  })
  drain().start(0)
  expect(sound.codes).toEqual([1012])
})
