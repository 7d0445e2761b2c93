import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { closeGently, isClosing } from '../../src/drain/close-gently.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

let system: FakeSystem
let socket: Socket
let client: Duplex
beforeEach(() => {
  system = new FakeSystem()
  const [here, there] = duplexPair()
  socket = here as Socket
  client = there
})

test('sends a FIN after the written data, and closes when the client has closed its side', async () => {
  const received: Buffer[] = []
  client.on('data', (chunk: Buffer) => received.push(chunk))
  socket.write('the last response')
  closeGently(socket, system)
  await turn()
  expect([Buffer.concat(received).toString(), client.readableEnded, socket.destroyed]).toEqual([
    'the last response',
    true,
    false,
  ])
  client.end()
  await turn()
  expect([socket.destroyed, system.timers]).toEqual([true, 0])
})

test('reads and discards what the client still sends', async () => {
  closeGently(socket, system)
  client.resume()
  client.write('x'.repeat(100_000))
  await turn()
  expect([socket.readableLength, socket.destroyed]).toEqual([0, false])
  client.end()
  await turn()
  expect(socket.destroyed).toBe(true)
})

test('destroys the connection of a client that never closes its side, 2 s after its last data', async () => {
  client.resume()
  closeGently(socket, system)
  await turn()
  system.advance(1999)
  client.write('still here')
  await turn()
  system.advance(1999)
  expect(socket.destroyed).toBe(false)
  system.advance(1)
  expect(socket.destroyed).toBe(true)
})

test('remembers the connections it is closing, and ignores a second call', async () => {
  expect(isClosing(socket)).toBe(false)
  closeGently(socket, system)
  closeGently(socket, system)
  expect(isClosing(socket)).toBe(true)
  client.resume()
  await turn()
  expect(system.timers).toBe(1)
  socket.destroy()
  await turn()
  expect(system.timers).toBe(0)
})
