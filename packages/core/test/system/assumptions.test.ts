import { ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { channel } from 'node:diagnostics_channel'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { duplexPair } from 'node:stream'
import tls from 'node:tls'
import * as internals from '../../src/system/node-internals.ts'
import { turn } from '../turns.ts'

/**
 * What zerodrop assumes of Node beyond its documentation, one test for each function that reads it. On a new version of
 * Node, the names of the tests that fail say which assumptions no longer hold.
 */
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

async function listening<Server extends net.Server>(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1')
  undo.push(() => new Promise((resolve) => server.close(resolve)))
  await once(server, 'listening')
  return server
}

async function connect(server: net.Server): Promise<net.Socket> {
  const { port } = server.address() as net.AddressInfo
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  client.on('error', () => {})
  undo.push(() => client.destroy())
  await once(client, 'connect')
  return client
}

/** A request that its server has received but not answered. */
async function exchange() {
  const server = await listening(http.createServer())
  undo.push(() => server.closeAllConnections())
  const client = await connect(server)
  client.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n')
  const [request, response] = (await once(server, 'request')) as [http.IncomingMessage, http.ServerResponse]
  return { server, client, request, response, socket: request.socket }
}

async function accepted() {
  const server = await listening(net.createServer())
  const arrived = once(server, 'connection')
  const client = await connect(server)
  const [socket] = (await arrived) as [net.Socket]
  undo.push(() => socket.destroy())
  return { server, client, socket }
}

function channelOfChild(): ChildProcess {
  const child = spawn(process.execPath, ['-e', 'process.on("disconnect", () => {})'], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  undo.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return child
}

test('carrierOf', async () => {
  const server = await listening(tls.createServer())
  const carrier = new net.Socket()
  const secure = new tls.TLSSocket(carrier, { isServer: true })
  undo.push(() => secure.destroy())
  expect(server).toBeDefined()
  expect(internals.carrierOf(secure)).toBe(carrier)
})

test('responseOn', async () => {
  const { response, socket } = await exchange()
  expect(internals.responseOn(socket)).toBe(response)
})

test('requestOn', async () => {
  const { request, response, socket, client } = await exchange()
  expect(internals.requestOn(socket)).toBe(request)
  client.write('body')
  request.resume()
  await once(request, 'end')
  response.end()
  await once(response, 'finish')
  await turn()
  expect(internals.requestOn(socket)).toBeNull()
})

test('isThrownAway', async () => {
  const { request, response } = await exchange()
  expect(internals.isThrownAway(request)).toBe(false)
  response.end()
  await once(response, 'finish')
  expect(internals.isThrownAway(request)).toBe(true)
})

test('isHeldBack', async () => {
  const { socket } = await exchange()
  expect(Reflect.get(socket, '_paused')).toBe(false)
  expect(internals.isHeldBack(socket)).toBe(false)
})

test('unsentBytes', async () => {
  const { socket } = await accepted()
  expect(internals.unsentBytes(socket)).toBe(0)
})

test('onSerialise', async () => {
  const { response } = await exchange()
  const release = internals.onSerialise(response, (_response, fields) => ({
    ...(fields as object),
    'x-seen': '1',
  }))
  response.writeHead(200, {})
  expect(internals.headOf(response)).toContain('x-seen: 1')
  expect(release).toBeDefined()
})

test('isOwnRecord', async () => {
  const { response } = await exchange()
  const records: boolean[] = []
  internals.onSerialise(response, (_response, fields) => {
    records.push(internals.isOwnRecord(response, fields as object))
    return fields
  })
  response.setHeader('x-own', '1')
  response.writeHead(200)
  expect(records).toEqual([true])
})

test('endWithoutReceipts', async () => {
  const child = channelOfChild()
  expect(typeof Reflect.get(child, '_disconnect')).toBe('function')
  internals.endWithoutReceipts(child)
  child.disconnect()
  expect(child.connected).toBe(false)
})

test('openChannel', () => {
  expect(typeof Reflect.get(new ChildProcess(), 'spawn')).toBe('function')
})

test('spawnUntold', () => {
  expect(typeof (Reflect.get(new ChildProcess(), '_handle') as { spawn: unknown }).spawn).toBe('function')
})

test('listeningHandle', async () => {
  const handle = internals.listeningHandle(await listening(net.createServer()))
  expect([typeof handle?.listen, typeof handle?.close]).toEqual(['function', 'function'])
  expect(process.platform === 'win32' || handle!.fd! > 2).toBe(true)
})

test('nameAddress', async () => {
  if (process.platform === 'win32') return
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.push(() => rmSync(folder, { recursive: true }))
  const server = net.createServer().listen(path.join(folder, 'one.sock'))
  undo.push(() => new Promise((resolve) => server.close(resolve)))
  await once(server, 'listening')
  internals.nameAddress(server, '/other.sock')
  expect(server.address()).toBe('/other.sock')
})

test('discardListeningHandle', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  internals.discardListeningHandle(server)
  expect([server.listening, internals.listeningHandle(server)]).toEqual([false, undefined])
})

test('keepsListeningHandle', () => {
  expect(internals.keepsListeningHandle(net.createServer())).toBe(true)
})

test('postponeClose', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = internals.postponeClose(server)
  const heard = jest.fn()
  server.on('close', heard)
  server.close()
  await turn()
  expect(heard).not.toHaveBeenCalled()
  close()
  await turn()
  expect(heard).toHaveBeenCalledTimes(1)
})

test('stopConnectionsChecking', async () => {
  const server = await listening(http.createServer())
  const names = Object.getOwnPropertySymbols(server).map(({ description }) => description)
  expect(names).toContain('http.server.connectionsCheckingInterval')
  internals.stopConnectionsChecking(server)
})

test('trackConnections', () => {
  const server = http.createServer()
  expect(internals.trackConnections(server)).toBe(true)
  expect(internals.connectionsListOf(server)).toBeDefined()
  internals.stopConnectionsChecking(server)
})

test('ownerOf', async () => {
  const { server, socket } = await accepted()
  expect(internals.ownerOf(socket)).toBe(server)
})

test('onListeningHandle', async () => {
  const server = net.createServer()
  const listener = jest.fn()
  expect(internals.onListeningHandle(server, listener)).toBeDefined()
  await listening(server)
  expect(listener).toHaveBeenCalledTimes(1)
})

test('onFirstConnection', async () => {
  const server = await listening(net.createServer())
  const listener = jest.fn()
  expect(internals.onFirstConnection(server, listener)).toBeDefined()
  const arrived = once(server, 'connection') as Promise<[net.Socket]>
  await connect(server)
  const [socket] = await arrived
  socket.destroy()
  expect(listener).toHaveBeenCalledTimes(1)
})

test('holdAccepted', async () => {
  const server = await listening(net.createServer())
  const { fd } = internals.listeningHandle(server)!
  expect(internals.holdAccepted(server)).toMatchObject({ accepted: 0, isOpen: true, fd })
})

test('holdAccepted, of a Unix socket', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.push(() => rmSync(folder, { recursive: true }))
  const server = net.createServer().listen(path.join(folder, 'app.sock'))
  undo.push(() => server.close())
  await once(server, 'listening')
  expect(internals.holdAccepted(server)).toMatchObject({ accepted: 0, isOpen: true, fd: undefined })
})

test('holdsAccepted', async () => {
  const server = await listening(net.createServer())
  expect(internals.holdsAccepted(server)).toBe(false)
  const queue = internals.holdAccepted(server)
  expect(internals.holdsAccepted(server)).toBe(true)
  queue?.close()
  expect(internals.holdsAccepted(server)).toBe(false)
})

test('holdHanded', async () => {
  const server = await listening(net.createServer((socket) => socket.destroy()))
  const arrived = once(server, 'connection')
  const queue = internals.holdHanded(internals.listeningHandle(server)!)
  const client = await connect(server)
  while (queue.accepted === 0) await turn()
  expect(queue.isOpen).toBe(true)
  queue.close()
  await arrived
  client.destroy()
})

test('onSharedHandle', () => {
  const release = internals.onSharedHandle(() => {})
  expect(release).toBeDefined()
  release?.()
})

test('sendInternalMessage', () => {
  const send = jest.fn()
  const end = Object.assign(new EventEmitter(), { connected: true, send })
  internals.sendInternalMessage(end as never, { type: 'x' })
  expect(send.mock.calls[0]?.[0]).toMatchObject({ cmd: expect.stringMatching(/^NODE_/) })
})

test('onInternalMessage', () => {
  const end = Object.assign(new EventEmitter(), { connected: true, send: () => true })
  const release = internals.onInternalMessage(end as never, () => {})
  expect(end.listenerCount('internalMessage')).toBe(1)
  release()
})

test('isClusters', () => {
  expect(internals.isClusters(net.createServer())).toBe(false)
})

test('movableHandleOf', async () => {
  const { socket } = await accepted()
  expect(internals.movableHandleOf(socket)).toBeDefined()
})

test('stopReading', async () => {
  const { socket } = await accepted()
  const stopped = internals.stopReading(socket)
  expect(stopped?.handle).toBeDefined()
  stopped?.resume()
})

test('acceptHandle', async () => {
  const { socket } = await accepted()
  const other = await listening(net.createServer())
  const handle = internals.movableHandleOf(socket)
  const taken = internals.acceptHandle(other, handle)
  undo.push(() => taken?.destroy())
  expect(taken).toBeInstanceOf(net.Socket)
})

test('canAcceptHandle', async () => {
  const { server } = await accepted()
  expect(internals.canAcceptHandle(server)).toBe(true)
  server.maxConnections = 1
  expect(internals.canAcceptHandle(server)).toBe(false)
})

test('connectionsListOf', async () => {
  const { server, socket } = await exchange()
  const list = internals.connectionsListOf(server)
  expect(list?.all?.().map((parser) => parser.socket)).toEqual([socket])
  expect(list?.active?.().map((parser) => parser.socket)).toEqual([socket])
  expect(list?.idle?.()).toEqual([])
})

test('datagramHandleOf', async () => {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  undo.push(() => socket.close())
  await once(socket, 'listening')
  const handle = internals.datagramHandleOf(socket)
  expect([typeof handle?.bind, typeof handle?.open, typeof handle?.recvStop]).toEqual(
    Array.from({ length: 3 }, () => 'function'),
  )
})

test('setSessionIdContext', () => {
  expect(internals.setSessionIdContext(tls.createServer(), 'a'.repeat(32))).toBe(true)
})

test('hasHandleQueue', () => {
  expect(internals.hasHandleQueue(channelOfChild())).toBe(true)
})

test('skipReceipt', () => {
  const child = channelOfChild()
  internals.expectReceipt(child)
  expect(Reflect.get(child, '_handleQueue')).toEqual([])
  internals.skipReceipt(child)
  expect(Reflect.get(child, '_handleQueue')).toBeNull()
})

test('expectReceipt', () => {
  const child = channelOfChild()
  internals.expectReceipt(child)
  expect(Reflect.get(child, '_handleQueue')).toEqual([])
})

test('headOf', async () => {
  const { response } = await exchange()
  response.writeHead(201)
  expect(internals.headOf(response)).toMatch(/^HTTP\/1\.1 201 /)
})

test('sentHead', async () => {
  const { response } = await exchange()
  response.writeHead(201)
  expect(internals.sentHead(response)).toBeUndefined()
  response.end()
  await once(response, 'finish')
  expect(internals.sentHead(response)).toMatch(/^HTTP\/1\.1 201 /)
})

test('publish', () => {
  const target = channel('zerodrop:test:assumptions')
  const subscriber = (): void => {
    throw new Error('a slip')
  }
  target.subscribe(subscriber)
  undo.push(() => target.unsubscribe(subscriber))
  expect(internals.publish(target, {})).toEqual([expect.objectContaining({ message: 'a slip' })])
})

test('secureSettingsOf', () => {
  expect(internals.secureSettingsOf(tls.createServer())).toMatchObject({ asksForCertificate: false })
})

test('setAddresses', async () => {
  const server = http2.createServer()
  const [client, inner] = duplexPair()
  undo.push(() => void (client.destroy(), inner.destroy()))
  const arrived = once(server, 'session')
  server.emit('connection', inner)
  const [{ socket }] = (await arrived) as [http2.ServerHttp2Session]
  expect(socket.remoteAddress).toBeUndefined()
  const address = { address: '127.0.0.1', family: 'IPv4', port: 0 }
  internals.setAddresses(socket, { ...address, port: 80 }, address)
  expect([socket.remoteAddress, socket.remoteFamily, socket.localPort]).toEqual(['127.0.0.1', 'IPv4', 80])
})

/** Exercised in processes of their own: see the tests of these names. */
const elsewhere: Record<string, string> = {
  parentPipe: 'packages/conformance/test/parent-channel.test.ts',
}

test('each function of node-internals/ has a test with its name in this file', () => {
  const tested = [...readFileSync(__filename, 'utf8').matchAll(/^test\('(\w+)'/gm)].map(([, name]) => name)
  const functions = Object.entries(internals).filter(([, value]) => typeof value === 'function')
  const names = functions.map(([name]) => name)
  expect(names.filter((name) => !tested.includes(name) && !(name in elsewhere))).toEqual([])
})
