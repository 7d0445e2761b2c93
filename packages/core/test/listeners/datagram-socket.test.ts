import dgram from 'node:dgram'
import { once } from 'node:events'
import { constants } from 'node:os'
import {
  addressOf,
  close,
  type DatagramSocket,
  isConnected,
  isDatagramSocket,
  keepMemberships,
} from '../../src/listeners/datagram-socket.ts'
import type { DatagramHandle } from '../../src/system/node-internals.ts'

async function bound(): Promise<DatagramSocket> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket as DatagramSocket
}

test('recognises sockets, and nothing else', async () => {
  const socket = await bound()
  expect(isDatagramSocket(socket)).toBe(true)
  for (const other of [null, undefined, {}, 'udp', () => {}]) expect(isDatagramSocket(other)).toBe(false)
  await close(socket)
})

test('a socket has an address from bind() to close()', async () => {
  const unbound = dgram.createSocket('udp4') as DatagramSocket
  expect(addressOf(unbound)).toBeUndefined()
  await close(unbound)
  const socket = await bound()
  expect(addressOf(socket)).toBe(`udp4://127.0.0.1:${socket.address().port}`)
  await close(socket)
  expect(addressOf(socket)).toBeUndefined()
})

test('a socket is connected once it has a peer', async () => {
  const [socket, peer] = [await bound(), await bound()]
  expect(isConnected(socket)).toBe(false)
  socket.connect(peer.address().port, '127.0.0.1')
  await once(socket, 'connect')
  expect(isConnected(socket)).toBe(true)
  await close(socket)
  await close(peer)
})

test('closing a closed socket does nothing', async () => {
  const socket = await bound()
  await close(socket)
  await close(socket)
  expect(isConnected(socket)).toBe(false)
})

test('joining a group again succeeds, and other errors are still thrown', () => {
  const { EADDRINUSE, EADDRNOTAVAIL, EINVAL } = constants.errno
  const handle = {
    addMembership: () => -EADDRINUSE,
    addSourceSpecificMembership: (group: string) => (group === 'joined' ? -EADDRNOTAVAIL : -EINVAL),
  } as unknown as DatagramHandle
  keepMemberships(handle)
  const join = handle as unknown as Record<string, (...group: string[]) => number>
  expect(join['addMembership']?.('239.1.1.1')).toBe(0)
  expect(join['addSourceSpecificMembership']?.('joined')).toBe(0)
  expect(join['addSourceSpecificMembership']?.('other')).toBe(-EINVAL)
})
