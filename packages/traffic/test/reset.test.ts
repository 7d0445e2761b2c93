import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { leftovers } from '@zerodrop/traffic'
import { reset } from '../src/reset.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** A connection to a peer that does not read. */
async function connecting(): Promise<Socket> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (peer) => {
    undo.add(() => peer.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.add(() => server.close())
  const { port } = server.address() as AddressInfo
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  undo.add(() => socket.destroy())
  return socket
}

const states: [name: string, bring: (socket: Socket) => unknown][] = [
  ['is open', (socket) => once(socket, 'connect')],
  ['is not connected yet', () => {}],
  ['was ended before it connects', (socket) => socket.end()],
  [
    'was ended in this turn',
    async (socket) => {
      await once(socket, 'connect')
      socket.end()
    },
  ],
  [
    'has sent its FIN',
    async (socket) => {
      await once(socket, 'connect')
      await once(socket.end(), 'finish')
    },
  ],
  [
    'was ended with more to send than the peer takes',
    async (socket) => {
      await once(socket, 'connect')
      socket.end(Buffer.alloc(50_000_000))
    },
  ],
]

test.each(states)('a connection that %s is closed, without an error', async (_state, bring) => {
  const socket = await connecting()
  const errors: Error[] = []
  socket.on('error', (error) => errors.push(error))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await bring(socket)
  reset(socket)
  await closed
  expect(errors).toEqual([])
})
