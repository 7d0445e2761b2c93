import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { leftovers } from '@zerodrop/traffic'

const bin = path.join(__dirname, '../dist/main.js')
const server = path.join(__dirname, 'fixtures/activated.mjs')

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Where a socket is bound can be read from its descriptor on Linux only.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

/** Sockets as systemd opens them. */
async function open(...places: (string | { port: number; host: string })[]): Promise<net.Server[]> {
  const holders = places.map((place) => net.createServer().listen(place))
  await Promise.all(holders.map((holder) => once(holder, 'listening')))
  undo.add(() => holders.forEach(release))
  return holders
}

/** Closes them here, where they would accept; systemd would not. The file of a Unix socket stays. */
function release(holder: net.Server): void {
  if (!holder.listening) return
  const address = holder.address()
  if (typeof address === 'string') renameSync(address, `${address}.kept`)
  // Not its own method: a zerodrop that another file has left in this worker would drain it first.
  net.Server.prototype.close.call(holder)
  if (typeof address === 'string') renameSync(`${address}.kept`, address)
}

const portOf = (holder: net.Server): number => (holder.address() as AddressInfo).port
const descriptorOf = (holder: net.Server): number =>
  (holder as unknown as { _handle: { fd: number } })._handle.fd

interface Said {
  readonly event: string
  readonly pid: number
  readonly generation: number
  readonly env: { count?: string; names?: string; isOwn: boolean }
}

/** Starts the server as systemd does, with its pid in LISTEN_PID. */
function start(
  how: 'plain' | 'zerodrop run',
  sockets: readonly net.Server[],
  options: { names?: string; listen: unknown; socketNames?: object },
): { pid: number; next: () => Promise<Said>; stderr: () => string; ended: Promise<unknown> } {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-activated-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  const words = how === 'plain' ? [server] : [bin, 'run', '--control', path.join(folder, 'c.sock'), server]
  const child = spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, ...words], {
    stdio: ['ignore', 'pipe', 'pipe', ...sockets.map(descriptorOf)],
    env: {
      PATH: process.env['PATH'],
      LISTEN_FDS: String(sockets.length),
      ...(options.names !== undefined && { LISTEN_FDNAMES: options.names }),
      LISTEN: JSON.stringify(options.listen),
      SOCKET_NAMES: JSON.stringify(options.socketNames ?? {}),
    },
  })
  sockets.forEach(release)
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close')
  let last = child.pid as number
  undo.add(async () => {
    for (const pid of [child.pid as number, last])
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended.
      }
    await ended
  })
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  const next = async (): Promise<Said> => {
    const { value, done } = await Promise.race([
      lines.next() as Promise<IteratorResult<string>>,
      ended.then(() => ({ done: true, value: '' }) as const),
    ])
    if (done === true) throw new Error(`the server has ended: ${stderr}`)
    const said = JSON.parse(value) as Said
    last = said.pid
    return said
  }
  return { pid: child.pid as number, next, stderr: () => stderr, ended }
}

async function answer(place: number | string): Promise<unknown> {
  const where = typeof place === 'number' ? { port: place, host: '127.0.0.1' } : { socketPath: place }
  const request = http.get({ ...where, agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const [body] = (await once(response.setEncoding('utf8'), 'data')) as [string]
  return JSON.parse(body)
}

describeLinux('sockets that systemd has opened', () => {
  test.each(['plain', 'zerodrop run'] as const)(
    '%s: listen() adopts them by address, in every generation, and leaves them at the stop',
    async (how) => {
      const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-socket-'))
      undo.add(() => rmSync(folder, { recursive: true, force: true }))
      const file = path.join(folder, 'app.sock')
      const sockets = await open({ port: 0, host: '127.0.0.1' }, file)
      const port = portOf(sockets[0] as net.Server)
      const listen = [{ port, host: 'localhost' }, { path: file }]
      const { pid, next, ended } = start(how, sockets, { names: 'web:local', listen })
      const first = await next()
      expect(first).toMatchObject({ generation: 1, env: { count: '2', names: 'web:local', isOwn: true } })
      expect(await answer(port)).toMatchObject({ generation: 1, pid: first.pid })
      expect(await answer(file)).toMatchObject({ generation: 1, pid: first.pid })
      process.kill(how === 'plain' ? first.pid : pid, 'SIGHUP')
      const second = await next()
      expect(second).toMatchObject({ generation: 2, env: { count: '2', names: 'web:local', isOwn: true } })
      expect((await next()).event).toBe('exit')
      expect(await answer(file)).toMatchObject({ generation: 2, pid: second.pid })
      process.kill(how === 'plain' ? second.pid : pid, 'SIGTERM')
      await ended
      expect(existsSync(file)).toBe(true)
    },
  )

  test('listen() adopts a socket by its name if the option says so', async () => {
    const sockets = await open({ port: 0, host: '127.0.0.1' }, { port: 0, host: '127.0.0.1' })
    const [web, admin] = sockets.map(portOf)
    const { next } = start('plain', sockets, {
      names: 'web:admin',
      listen: [{ port: 2 }, { port: 1, host: '127.0.0.1' }],
      socketNames: { web: 1, admin: 2 },
    })
    await next()
    expect(await answer(web as number)).toMatchObject({ asked: { port: 1 } })
    expect(await answer(admin as number)).toMatchObject({ asked: { port: 2 } })
  })

  test('a socket that nothing listens on is reported once', async () => {
    const sockets = await open({ port: 0, host: '127.0.0.1' }, { port: 0, host: '127.0.0.1' })
    const [web, admin] = sockets.map(portOf)
    const { next, stderr } = start('plain', sockets, {
      names: 'web:admin',
      listen: [{ port: web, host: '127.0.0.1' }],
    })
    const { pid } = await next()
    const unused = `systemd has opened tcp://127.0.0.1:${admin} (descriptor 4, named "admin") for this service`
    while (!stderr().includes(unused)) await new Promise(setImmediate)
    expect(await answer(web as number)).toMatchObject({ pid })
    expect(stderr().split('systemd has opened')).toHaveLength(2)
  })

  test('a connection, as Accept=yes of a socket unit passes it, is named as the reason', async () => {
    const [holder] = (await open({ port: 0, host: '127.0.0.1' })) as [net.Server]
    const client = net.connect(portOf(holder), '127.0.0.1')
    undo.add(() => client.destroy())
    const [connection] = (await once(holder, 'connection')) as [net.Server & net.Socket]
    undo.add(() => connection.destroy())
    const child = spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, server], {
      stdio: ['ignore', 'pipe', 'pipe', descriptorOf(connection)],
      env: {
        PATH: process.env['PATH'],
        LISTEN_FDS: '1',
        LISTEN_FDNAMES: 'connection',
        LISTEN: JSON.stringify([{ port: portOf(holder), host: '127.0.0.1' }]),
        SOCKET_NAMES: '{}',
      },
    })
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    await once(child, 'close')
    expect(stderr).toMatch(/ERR_ZERODROP_ADDRESS_IN_USE: .* set Accept=no in the socket unit\./)
  })

  test('sockets of another process are left alone', async () => {
    const sockets = await open({ port: 0, host: '127.0.0.1' })
    const child = spawn(process.execPath, [server], {
      stdio: ['ignore', 'pipe', 'pipe', ...sockets.map(descriptorOf)],
      env: {
        LISTEN_FDS: '1',
        LISTEN_PID: '1',
        LISTEN: JSON.stringify([{ port: portOf(sockets[0] as net.Server), host: '127.0.0.1' }]),
        SOCKET_NAMES: '{}',
      },
    })
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    await once(child, 'close')
    expect(stderr).toContain('EADDRINUSE')
  })
})
