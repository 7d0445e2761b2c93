import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import path from 'node:path'
import { leftovers, RawClient } from '@zerodrop/traffic'
import { type Facts, Program } from './support/program.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Only there a shell can say its own pid and leave descriptors to what it becomes in a way that all of them share.
const describeLinux = process.platform === 'linux' ? describe : describe.skip
const server = path.join(__dirname, '../fixtures/start/activated.cjs')

interface Activated extends Facts {
  addresses: number[]
}

/** Listening sockets as a service manager opens them: it goes on holding them. */
async function open(count: number): Promise<{ ports: number[]; descriptors: number[] }> {
  const holders = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'))
  await Promise.all(holders.map((holder) => once(holder, 'listening')))
  // Not its own method: a zerodrop that another file has left in this worker would drain it first.
  undo.add(() => holders.forEach((holder) => net.Server.prototype.close.call(holder)))
  return {
    ports: holders.map((holder) => (holder.address() as AddressInfo).port),
    descriptors: holders.map((holder) => (holder as unknown as { _handle: { fd: number } })._handle.fd),
  }
}

describeLinux('a service whose sockets its manager has opened', () => {
  test.each([
    ['with LISTEN_PID', 'LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0" "$1"', true],
    ['without it', 'exec "$0" "$1"', false],
  ])('has them in every generation, under the same numbers and names (%s)', async (_how, script, isOwn) => {
    const { ports, descriptors } = await open(2)
    const command = ['sh', '-c', script, process.execPath, server]
    const env = { LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:admin', LISTEN_PIDFDID: '1', SYSTEMD_EXEC_PID: '1' }
    const program = await Program.start(undo, command, { env, extra: descriptors })
    const said = [await program.next(), await program.restart(), await program.restart()] as Activated[]
    for (const { addresses, env: seen } of said) {
      expect(addresses).toEqual([...ports, program.port])
      expect(seen).toMatchObject({ LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:admin', isOwn })
    }
    expect(said.slice(1).map(({ env: seen }) => seen['WATCHDOG_PID'])).toEqual([undefined, undefined])
  })

  test('that are another process’s has none of their variables in its successors', async () => {
    const env = { LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:admin', WATCHDOG_PID: '1' }
    const program = await Program.start(undo, [process.execPath, server], {
      env: { ...env, LISTEN_FDS: 'x' },
    })
    const [first, second] = [(await program.next()) as Activated, (await program.restart()) as Activated]
    expect(second.addresses).toEqual(first.addresses)
    expect(second.env).toEqual({ isOwn: false })
    const client = await RawClient.connect({ port: program.port })
    undo.add(() => client.destroy())
    await expect(client.request()).resolves.toMatchObject({ status: 200 })
  })
})
