import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { spawn } from 'node:child_process'
import type { ZerodropError } from '../../src/errors/zerodrop-error.ts'
import { Hold } from '../../src/listeners/hold.ts'
import { InheritedListeners } from '../../src/listeners/inheritance.ts'
import { Listeners } from '../../src/listeners/listeners.ts'
import { FakeSystem } from '../fake-system.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each()
})

function watch(inherited: ConstructorParameters<typeof InheritedListeners>[0] = [], holds = false) {
  const warnings: ZerodropError[] = []
  const system = new FakeSystem()
  system.isServed = () => true
  const hold = new Hold(system, holds)
  const notHeld: string[] = []
  const listening: net.Server[] = []
  const listeners = new Listeners(system, new InheritedListeners(inherited), hold)
  undo.push(
    listeners.watch({
      onStart: () => {},
      onFailed: () => {},
      onClusterListening: () => {},
      onListening: ({ server }) => listening.push(server),
      onClosed: (server) => listening.splice(listening.indexOf(server), 1),
      onWarning: (error) => warnings.push(error),
      onNotHeld: (address) => notHeld.push(address),
    }),
  )
  return { listeners, listening, warnings, system, hold, notHeld }
}

async function listen(host: string, port: number): Promise<net.Server> {
  const server = net.createServer()
  undo.push(() => server.close())
  server.listen(port, host)
  await once(server, 'listening')
  return server
}

const portOf = (server: net.Server) => (server.address() as net.AddressInfo).port

test('sees every listening server, and its close', async () => {
  const { listeners, listening } = watch()
  const server = await listen('127.0.0.1', 0)
  expect(listening).toEqual([server])
  expect(listeners.all).toMatchObject([{ server, requested: undefined }])
  // A port that changes at every start cannot be inherited.
  expect(listeners.inheritable).toEqual([])
  server.close()
  await once(server, 'close')
  expect([listening, listeners.all]).toEqual([[], []])
})

test('the newest of several copies looks after a server, as under a test runner that loads the package once per file', async () => {
  const older = watch()
  const newer = watch()
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.push(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'app.sock')
  const options = { path: file }
  const server = net.createServer()
  undo.push(() => server.close())
  server.listen(options)
  await once(server, 'listening')
  expect([older.listening, newer.listening]).toEqual([[], [server]])
  expect([server.address(), readdirSync(folder), options]).toEqual([file, ['app.sock'], { path: file }])
})

test('frozen options are left unchanged', async () => {
  const { listening } = watch()
  const server = net.createServer()
  undo.push(() => server.close())
  server.listen(Object.freeze({ port: 0, host: '127.0.0.1' }))
  await once(server, 'listening')
  expect(listening).toEqual([server])
})

test('a server added by hand counts once', async () => {
  const { listeners, listening } = watch()
  const server = await listen('127.0.0.1', 0)
  listeners.add(server)
  expect(listening).toEqual([server])
})

describe('a port in use: the application gets Node’s error, and the log names the owner of the port', () => {
  async function collide(host: string, port: number) {
    const server = net.createServer().listen(port, host)
    const [error] = (await once(server, 'error')) as [NodeJS.ErrnoException]
    expect(error).toMatchObject({ code: 'EADDRINUSE' })
    return error
  }
  const inUse = (cause: Error, text: RegExp) =>
    expect.objectContaining({
      code: 'ERR_ZERODROP_ADDRESS_IN_USE',
      message: expect.stringMatching(text),
      cause,
    })

  test('this process itself', async () => {
    const { listening, warnings } = watch()
    const server = await listen('127.0.0.1', 0)
    const cause = await collide('127.0.0.1', portOf(server))
    expect(warnings).toEqual([
      inUse(
        cause,
        /^This process cannot listen on tcp:\/\/127.0.0.1:\d+: it is in use\. This process listens on /,
      ),
    ])
    expect(listening).toEqual([server])
  })

  test('another process', async () => {
    const holder = spawn(
      process.execPath,
      ['-e', `net.createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })`],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    undo.push(() => holder.kill())
    const [port] = (await once(holder.stdout, 'data')) as [Buffer]
    const { warnings } = watch()
    const cause = await collide('127.0.0.1', Number(port))
    expect(warnings).toEqual([inUse(cause, /Another process holds it, .*Stop that process; .* SIGHUP/)])
  })

  test('the predecessor, if this version listens on another host', async () => {
    const server = await listen('127.0.0.1', 0)
    const bound = `tcp://0.0.0.0:${portOf(server)}`
    // Its contents are never read, because no server listens on that address.
    const { warnings, hold } = watch([{ fd: 1_000_000, requested: bound, bound }])
    // Before that, it would be lent for one turn.
    hold.open()
    const cause = await collide('127.0.0.1', portOf(server))
    expect(warnings).toEqual([
      inUse(cause, /The predecessor holds that port as tcp:\/\/0\.0\.0\.0:\d+: listen on/),
    ])
  })

  test('any other error of listen() is left unchanged', async () => {
    const { warnings } = watch()
    const server = net.createServer().listen('/nonexistent/app.sock')
    await once(server, 'error')
    expect(warnings).toEqual([])
  })
})

test('a listen() that throws leaves the inherited socket to the next call', async () => {
  const { listeners } = watch([{ fd: 1000, requested: 'tcp://*:3000', bound: 'tcp://[::]:3000' }], true)
  const server = net.createServer()
  const own = Object.getOwnPropertyDescriptor(server, '_handle')
  expect(() => server.listen({ port: 3000, signal: 'none' as never })).toThrow('signal')
  await Promise.resolve()
  expect(listeners.inherited.left).toHaveLength(1)
  expect(Object.getOwnPropertyDescriptor(server, '_handle')).toEqual(own)
})

test.each([
  ['tcp://0.0.0.0:3000', true],
  ['tcp://127.0.0.1:3000', true],
  ['tcp://localhost:3000', true],
  ['tcp://127.0.0.1:3001', false],
  ['unix:///run/app.sock', false],
])('a socket on all addresses is lent briefly to a probe of %s: %p', (requested, isLent) => {
  const inherited = new InheritedListeners([
    { fd: 1000, requested: 'tcp://*:3000', bound: 'tcp://[::]:3000' },
  ])
  expect(inherited.lend(requested) !== undefined).toBe(isLent)
})
