import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { buildSync } from 'esbuild'
import { holdAccepted, holdsAccepted, openChannel, spawnUntold } from '../../src/system/node-internals.ts'

test.each([
  ['of no file', () => 10_000],
  ['of a file', () => openSync(__filename, 'r')],
])('a descriptor %s is not a channel', (_which, open) => {
  const fd = open()
  expect(openChannel(fd)).toBeUndefined()
  if (fd < 10_000) closeSync(fd)
})

/** Opens the channel on descriptor 4, and echoes what it receives. */
const program = `
import { openChannel } from './node-internals.ts'
const channel = openChannel(4)
channel.on('message', (message, handle) => {
  channel.send({ ...message, process: typeof process.send, env: Object.keys(process.env), handle: handle?.constructor.name }, handle, {}, () => {})
})
// It does not keep the process alive.
channel.on('disconnect', () => clearInterval(hold))
const hold = setInterval(() => {}, 60_000)
`

test('a child without NODE_CHANNEL_FD can open its channel by descriptor, and send and receive messages and handles', async () => {
  const { outputFiles } = buildSync({
    stdin: { contents: program, resolveDir: path.join(__dirname, '../../src/system') },
    bundle: true,
    platform: 'node',
    write: false,
  })
  const child = spawnUntold({
    file: process.execPath,
    args: ['node', '-e', outputFiles[0]!.text],
    cwd: __dirname,
    env: { ONE: '1', NONE: undefined },
    stdio: ['ignore', 'inherit', 'inherit', 'ignore', 'ipc'],
  })!
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { _handle: handle } = server as unknown as { _handle: net.Server }
  child.send({ hello: 1 }, handle, {}, () => {})
  const [message, returned] = (await once(child, 'message')) as [object, { close(): void }]
  expect(message).toEqual({ hello: 1, process: 'undefined', env: ['ONE'], handle: 'TCP' })
  returned.close()
  server.close()
  child.disconnect()
  await expect(once(child, 'exit')).resolves.toEqual([0, null])
})

test('a missing program emits "error" on its process, as in Node', async () => {
  const program = {
    file: '/nowhere',
    args: ['nowhere'],
    cwd: __dirname,
    env: {},
    stdio: ['ignore', 'ipc'] as const,
  }
  const child = spawnUntold({ ...program, stdio: [...program.stdio] })!
  await expect(once(child, 'error')).resolves.toMatchObject([{ code: 'ENOENT', syscall: 'spawn /nowhere' }])
})

test('a server reports that its connections are held until they are released', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  expect(holdsAccepted(server)).toBe(false)
  const queue = holdAccepted(server)!
  expect(holdsAccepted(server)).toBe(true)
  queue.close()
  expect(holdsAccepted(server)).toBe(false)
  server.close()
})
