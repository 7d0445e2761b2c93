import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { refuseUnix } from '../../src/listeners/refuse-unix.ts'
import { listeningHandle } from '../../src/system/node-internals.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0).toReversed()) each()
})

// Other kernels do not report where a descriptor is bound.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

describeLinux('a Unix socket that is about to close', () => {
  async function listen() {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.push(() => rmSync(folder, { recursive: true }))
    const file = path.join(folder, 'app.sock')
    const server = net.createServer((socket) => socket.end('served')).listen(file)
    undo.push(() => server.close())
    await once(server, 'listening')
    return { folder, file, server }
  }

  const connect = (file: string): net.Socket => {
    const client = net.connect(file)
    undo.push(() => client.destroy())
    return client
  }

  test('serves queued clients, and refuses all others', async () => {
    const { folder, file, server } = await listen()
    const queued = connect(file)
    refuseUnix(listeningHandle(server)!.fd!)
    const [error] = (await once(connect(file), 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNREFUSED')
    expect(String((await once(queued, 'data'))[0])).toBe('served')
    const other = net.createServer().listen(file)
    const [taken] = (await once(other, 'error')) as [NodeJS.ErrnoException]
    expect(taken.code).toBe('EADDRINUSE')
    server.close()
    expect(existsSync(file)).toBe(false)
    expect(readdirSync(folder)).toEqual([])
  })

  test('leaves alone a file that is not a socket', async () => {
    const { folder, file, server } = await listen()
    rmSync(file)
    refuseUnix(listeningHandle(server)!.fd!)
    expect(readdirSync(folder)).toEqual([])
  })
})
