import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import type { LifecycleOptions } from '@zerodrop/core'
import { leftovers } from '@zerodrop/traffic'
import { gatedServer, startHosted } from './support/hosted-app.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Where a descriptor is bound is told by Linux only.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

/** A server that is started with the listening socket of another, which goes on holding it. */
async function inheriting(host: string, options: LifecycleOptions) {
  const holder = net.createServer().listen(0, host)
  await once(holder, 'listening')
  undo.add(() => holder.close())
  const { port } = holder.address() as AddressInfo
  const { fd } = (holder as unknown as { _handle: { fd: number } })._handle
  const hosted = await startHosted(undo, [process.execPath, gatedServer], {
    options,
    port,
    listeners: [fd],
    env: { LISTEN_FDS: '1' },
  })
  // What connects from now on can only be accepted there.
  // Not its own method: a zerodrop that another file has left in this worker would drain it first.
  net.Server.prototype.close.call(holder)
  return hosted
}

describeLinux('LISTEN_FDS without LISTEN_PID', () => {
  test.each(['::', '0.0.0.0'])(
    'is taken with the preset grace: a socket on %s, and handed on by a restart',
    async (host) => {
      const { connect, gates, heard } = await inheriting(host, { signals: 'grace' })
      const client = await connect()
      const { pid } = JSON.parse((await client.request()).body.toString()) as { pid: number }
      client.destroy()
      process.kill(pid, 'SIGUSR2')
      await expect(gates.visit()).resolves.toMatchObject({ name: 'restarting' })
      await heard('listening')
      await heard('handing-over')
      const next = await connect()
      const answer = JSON.parse((await next.request()).body.toString()) as { pid: number; generation: number }
      expect(answer.generation).toBe(2)
      // Neither the successor nor what it starts takes itself for the one that was given them.
      const { body } = await next.request({ path: '/listen-fds' })
      expect(JSON.parse(body.toString())).toEqual({ child: '' })
    },
  )

  test('is ignored without the preset: the address is in use', async () => {
    await expect(inheriting('::', {})).rejects.toThrow('the host ended with 1 before the server listened')
  })
})
