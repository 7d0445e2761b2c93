import { once } from 'node:events'
import net from 'node:net'
import type { Channel } from '../../src/system/node-internals.ts'
import { awaitAt, isAwaitedAt, meetAt, newRendezvous } from '../../src/system/rendezvous.ts'

// Only Linux has abstract sockets.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

describeLinux('a rendezvous', () => {
  test('accepts a client that knows the token, which can be sent a socket', async () => {
    const rendezvous = newRendezvous()
    const met = new Promise<Channel>((resolve) => void awaitAt(rendezvous, resolve))
    const there = await meetAt(rendezvous)
    const here = await met
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { _handle: handle } = server as unknown as { _handle: never }
    here.send({ hello: 1 }, handle, {}, () => {})
    const [message, received] = (await once(there, 'message')) as [object, { fd: number; close(): void }]
    expect(message).toEqual({ hello: 1 })
    expect(received.fd).toBeGreaterThan(2)
    received.close()
    server.close()
    here.disconnect()
    await once(there, 'disconnect')
  })

  test('rejects any other client, and keeps waiting', async () => {
    const rendezvous = newRendezvous()
    const met = jest.fn()
    const release = awaitAt(rendezvous, met)
    for (const token of ['0'.repeat(64), `${rendezvous.token}0`]) {
      const stranger = net.connect({ path: `\0${rendezvous.name}` }, () => stranger.write(token))
      stranger.resume()
      await once(stranger, 'close')
    }
    await isAwaitedAt(rendezvous)
    expect(met).not.toHaveBeenCalled()
    release()
  })

  test('an abandoned rendezvous is detected', async () => {
    await expect(isAwaitedAt(newRendezvous())).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
