import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { boundAddress } from '../../src/listeners/address.ts'
import { descriptorAddress } from '../../src/listeners/descriptor-address.ts'
import { InheritedListeners } from '../../src/listeners/inheritance.ts'
import { offerListenFds } from '../../src/listeners/listen-fds.ts'

// Only Linux has these tables.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0)) each()
})

const folder = () => {
  const made = mkdtempSync(path.join(tmpdir(), 'zerodrop '))
  undo.push(() => rmSync(made, { recursive: true }))
  return made
}

async function listen(options: net.ListenOptions): Promise<{ server: net.Server; fd: number }> {
  // Frozen, so that a lifecycle left behind in this worker by another file binds no other path.
  const server = net.createServer().listen(Object.freeze(options))
  undo.push(() => server.close())
  await once(server, 'listening')
  return { server, fd: (server as unknown as { _handle: { fd: number } })._handle.fd }
}

describeLinux('the address of a descriptor', () => {
  test.each<[string, () => net.ListenOptions]>([
    ['IPv4', () => ({ port: 0, host: '127.0.0.1' })],
    ['any IPv4', () => ({ port: 0, host: '0.0.0.0' })],
    ['IPv6', () => ({ port: 0, host: '::1' })],
    ['any', () => ({ port: 0 })],
    ['an IPv4 address within IPv6', () => ({ port: 0, host: '::ffff:127.0.0.1' })],
    ['a path', () => ({ path: path.join(folder(), 'app.sock') })],
    ['an abstract path', () => ({ path: `\0zerodrop-${process.pid}` })],
  ])('%s', async (_name, options) => {
    const { server, fd } = await listen(options())
    expect(descriptorAddress(fd)).toBe(boundAddress(server))
  })

  test('a descriptor has no address if it does not listen or is not a socket', async () => {
    const { server } = await listen({ port: 0, host: '127.0.0.1' })
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
    undo.push(() => client.destroy())
    await once(client, 'connect')
    const file = openSync(__filename, 'r')
    undo.push(() => closeSync(file))
    const connected = (client as unknown as { _handle: { fd: number } })._handle.fd
    expect([connected, file, 1_000_000].map(descriptorAddress)).toEqual([undefined, undefined, undefined])
  })
})

test('a descriptor in LISTEN_FDS that is not a listening socket is rejected, and nothing is offered', () => {
  const inherited = new InheritedListeners([])
  expect(() => offerListenFds(inherited, 5000)).toThrow(
    expect.objectContaining({
      code: 'ERR_ZERODROP_INHERIT_MISMATCH',
      message: expect.stringContaining('was inherited as the listening socket of LISTEN_FDS=5000'),
    }),
  )
  expect(inherited.left).toEqual([])
})
