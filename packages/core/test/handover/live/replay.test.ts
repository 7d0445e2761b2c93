import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { replay } from '../../../src/handover/live/replay.ts'
import { FakeSystem } from '../../fake-system.ts'
import { movable } from '../movable-socket.ts'
import { turns } from '../../turns.ts'

const request = Buffer.from('GET /events HTTP/1.1\r\n\r\n')
const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'

let system: FakeSystem
let socket: Socket
let client: Duplex
let received: string
let read: string
let judged: string[]
let farewell: Buffer | undefined
beforeEach(() => {
  system = new FakeSystem()
  const [here, there] = duplexPair()
  socket = here as Socket
  client = there
  received = ''
  client.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
  })
  read = ''
  socket.on('data', (chunk: Buffer) => {
    read += chunk.toString('latin1')
  })
  judged = []
  farewell = undefined
  replay(system, socket, {
    bytes: request,
    judge: (text) => {
      judged.push(text)
      return farewell
    },
  })
})

test('the server reads the request again', () => {
  expect(read).toBe(request.toString())
})

test('the head of the response is checked but not sent, and the rest goes to the client', async () => {
  socket.write(`${head}data: 1\n\n`)
  socket.write('data: 2\n\n')
  await turns()
  expect([judged, received]).toEqual([[head], 'data: 1\n\ndata: 2\n\n'])
})

test('a head may arrive in pieces, as strings and as buffers', async () => {
  socket.write(head.slice(0, 10))
  socket.write(Buffer.from(head.slice(10, -2)).toString('hex'), 'hex')
  await turns()
  expect([judged, received]).toEqual([[], ''])
  socket.write(Buffer.from(`${head.slice(-2)}x`))
  await turns()
  expect([judged, received]).toEqual([[head], 'x'])
})

test('pieces that are written together count as one', async () => {
  socket.cork()
  for (const piece of [head.slice(0, 20), head.slice(20), 'data: 1\n\n', 'data: 2\n\n']) socket.write(piece)
  socket.uncork()
  await turns()
  expect([judged, received]).toEqual([[head], 'data: 1\n\ndata: 2\n\n'])
})

test('informational responses are neither sent nor checked', async () => {
  socket.write(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${head}body`)
  await turns()
  expect([judged, received]).toEqual([[head], 'body'])
})

test('101 is a final response', async () => {
  const upgrade = 'HTTP/1.1 101 Switching Protocols\r\n\r\n'
  socket.write(`${upgrade}frame`)
  await turns()
  expect([judged, received]).toEqual([[upgrade], 'frame'])
})

test('a connection gets its own methods back after the head, so later heads are sent', async () => {
  socket.write(head)
  socket.write(head)
  await turns()
  expect([judged, received]).toEqual([[head], head])
})

test('a socket may write strings in any encoding, and several pieces at once', () => {
  const connection = movable()
  replay(system, connection.socket, { bytes: request, judge: (text) => void judged.push(text) })
  const hex = (text: string): string => Buffer.from(text).toString('hex')
  connection.socket.write(hex(head.slice(0, 10)), 'hex')
  connection.socket.cork()
  connection.socket.write(hex(`${head.slice(10)}one`), 'hex')
  connection.socket.write(Buffer.from(' two'))
  connection.socket.uncork()
  expect([judged, connection.text()]).toEqual([[head], 'one two'])
  connection.socket.destroy()
})

describe('a refused response', () => {
  beforeEach(async () => {
    farewell = Buffer.from('goodbye')
    socket.write(`${head}body`)
    socket.write(`${head}more`)
    await turns()
  })

  test('is replaced by the farewell, and the connection ends after it', async () => {
    expect([received, client.readableEnded, judged.length]).toEqual(['goodbye', true, 1])
  })

  test('leaves the connection open until its client has closed, and nothing resets it before', async () => {
    socket.destroy()
    expect(socket.destroyed).toBe(false)
    client.write('still talking')
    await turns()
    expect([read, socket.destroyed]).toEqual([request.toString(), false])
    client.end()
    await turns()
    expect([socket.destroyed, system.timers]).toEqual([true, 0])
  })

  test('closes the connection after at most 2 s', () => {
    system.advance(1999)
    expect(socket.destroyed).toBe(false)
    system.advance(1)
    expect(socket.destroyed).toBe(true)
  })
})
