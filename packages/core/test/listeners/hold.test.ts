import { once } from 'node:events'
import { closeSync } from 'node:fs'
import net from 'node:net'
import { Hold } from '../../src/listeners/hold.ts'
import { isSocket } from '../../src/system/file-status.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each()
})

/** A held server: its socket is bound, and nothing else in this process listens on it. */
async function listen(hold: Hold, socket = { lent: false, onClosed: jest.fn(), onFailed: jest.fn() }) {
  const server = net.createServer((client) => client.end('here'))
  undo.push(() => server.close())
  const isHeld = hold.prepare(server, socket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle
  return { server, fd, isHeld: isHeld(), socket, port: (server.address() as net.AddressInfo).port }
}

async function answer(port: number): Promise<string> {
  const [text] = (await once(net.connect(port, '127.0.0.1'), 'data')) as [Buffer]
  return text.toString()
}

test('a held server listens for its application, and accepts nothing until its release', async () => {
  const system = new FakeSystem()
  const hold = new Hold(system, true)
  const { server, isHeld, port } = await listen(hold)
  expect([isHeld, server.listening, system.held]).toEqual([true, true, 1])
  await expect(answer(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  hold.open()
  expect([await answer(port), system.held, hold.holds]).toEqual(['here', 0, false])
})

test('a held server that is closed keeps its descriptor open', async () => {
  const system = new FakeSystem()
  const hold = new Hold(system, true)
  const { server, socket, fd } = await listen(hold)
  server.close()
  await once(server, 'close')
  expect([socket.onClosed.mock.calls.length, server.listening, system.held]).toEqual([1, false, 0])
  hold.open()
  expect(isSocket(fd)).toBe(true)
  closeSync(fd)
})

test('after the release nothing is held, and servers close as usual', async () => {
  const hold = new Hold(new FakeSystem(), true)
  const { server, socket, port } = await listen(hold)
  hold.open()
  server.close()
  await once(server, 'close')
  expect(socket.onClosed).not.toHaveBeenCalled()
  await expect(answer(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a server whose handle is stored elsewhere cannot be held, which is reported', async () => {
  const hold = new Hold(new FakeSystem(), true)
  const server = net.createServer()
  undo.push(() => server.close())
  let handle: unknown = null
  Object.defineProperty(server, '_handle', {
    get: () => handle,
    set: (value: unknown) => {
      handle = value
    },
  })
  expect(hold.canHold(server)).toBe(false)
  const isHeld = hold.prepare(server, { onClosed: () => {}, onFailed: () => {} })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  expect(isHeld()).toBe(false)
})

test('a listen() that fails leaves the server unchanged', () => {
  const hold = new Hold(new FakeSystem(), true)
  const server = net.createServer()
  const before = Object.getOwnPropertyDescriptor(server, '_handle')
  const isHeld = hold.prepare(server, { onClosed: () => {}, onFailed: () => {} })
  expect(isHeld()).toBe(false)
  expect(Object.getOwnPropertyDescriptor(server, '_handle')).toEqual(before)
})

test('a held UDP socket reads nothing until its release', () => {
  const system = new FakeSystem()
  const hold = new Hold(system, true)
  const recvStart = jest.fn(() => 0)
  const close = jest.fn()
  const handle = { recvStart, close }
  const onClosed = jest.fn()
  hold.receiving(handle, { onClosed, onFailed: () => {} })
  expect([handle.recvStart(), recvStart.mock.calls.length, system.held]).toEqual([0, 0, 1])
  hold.open()
  expect([recvStart.mock.calls.length, system.held]).toEqual([1, 0])
  handle.close()
  expect([close.mock.calls.length, onClosed.mock.calls.length]).toEqual([1, 0])
})

test('without a predecessor a socket is held for one event loop turn, so a port probe leaves it to the next server', async () => {
  const system = new FakeSystem()
  const hold = new Hold(system, false)
  const probe = await listen(hold)
  probe.server.close()
  expect(probe.socket.onClosed).toHaveBeenCalledTimes(1)
  closeSync(probe.fd)
  const { socket, port, server } = await listen(hold)
  await turn()
  expect([await answer(port), system.held]).toEqual(['here', 0])
  server.close()
  expect(socket.onClosed).not.toHaveBeenCalled()
})

test('a lent socket never starts accepting', async () => {
  const hold = new Hold(new FakeSystem(), true)
  const socket = { lent: true, onClosed: jest.fn(), onFailed: jest.fn() }
  const { port, server, fd } = await listen(hold, socket)
  hold.open()
  await expect(answer(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  server.close()
  expect(socket.onClosed).toHaveBeenCalledTimes(1)
  closeSync(fd)
})
