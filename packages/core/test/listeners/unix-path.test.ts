import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { spawnSync } from 'node:child_process'
import { Hold } from '../../src/listeners/hold.ts'
import { InheritedListeners } from '../../src/listeners/inheritance.ts'
import { Listeners } from '../../src/listeners/listeners.ts'
import { UnixPath } from '../../src/listeners/unix-path.ts'
import { FakeSystem } from '../fake-system.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each()
  jest.restoreAllMocks()
})

/** The outcome of a server's `listen()`. */
type Outcome = 'listening' | 'closed' | NodeJS.ErrnoException

/** Watches the servers of this process. */
function watch(isServed: (file: string) => boolean): string[] {
  const warnings: string[] = []
  const system = new FakeSystem()
  system.isServed = isServed
  const listeners = new Listeners(system, new InheritedListeners([]), new Hold(system, false))
  undo.push(
    listeners.watch({
      onStart: () => {},
      onFailed: () => {},
      onListening: () => {},
      onClosed: () => {},
      onNotHeld: () => {},
      onClusterListening: () => {},
      onWarning: ({ code }) => warnings.push(code),
    }),
  )
  return warnings
}

function socketPath(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.push(() => rmSync(folder, { recursive: true }))
  return path.join(folder, 'app.sock')
}

function listen(file: string): { server: net.Server; outcome: Promise<Outcome> } {
  const server = net.createServer((socket) => socket.end('here'))
  undo.push(() => server.close())
  const outcome = new Promise<Outcome>((resolve) => {
    server.once('listening', () => resolve('listening'))
    server.once('close', () => resolve('closed'))
    server.once('error', resolve)
  })
  server.listen(file)
  return { server, outcome }
}

function crashOn(file: string): void {
  const script = `require('net').createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script], { env: {} })
  expect(statSync(file).isSocket()).toBe(true)
}

test('if two servers claim a path at the same time, one listens and the other fails as in Node', async () => {
  const file = socketPath()
  crashOn(file)
  let fast: ReturnType<typeof listen> | undefined
  let looks = 0
  // While one server checks whether the stale file is in use, the other replaces it.
  const warnings = watch(() => {
    if (looks++ === 0) fast = listen(file)
    return false
  })
  const slow = listen(file)
  await expect(fast?.outcome).resolves.toBe('listening')
  const error = await slow.outcome
  expect(error).toMatchObject({
    code: 'EADDRINUSE',
    syscall: 'listen',
    address: file,
    message: `listen EADDRINUSE: address already in use ${file}`,
  })
  expect([slow.server.listening, slow.server.address()]).toEqual([false, file])
  expect(warnings).toEqual(['ERR_ZERODROP_ADDRESS_IN_USE'])
  const [answer] = (await once(net.connect(file), 'data')) as [Buffer]
  expect(answer.toString()).toBe('here')
  expect(readdirSync(path.dirname(file))).toEqual(['app.sock'])
})

test('a path that another process takes at the last moment is left to that process', async () => {
  const file = socketPath()
  const blocker = net.createServer()
  undo.push(() => blocker.close())
  watch(() => true)
  const divert = Reflect.get(UnixPath.prototype, 'divert')
  jest.spyOn(UnixPath.prototype, 'divert').mockImplementationOnce(function (this: UnixPath, options) {
    Reflect.apply(divert, this, [options])
    blocker.listen(file)
  })
  await expect(listen(file).outcome).resolves.toMatchObject({ code: 'EADDRINUSE' })
  expect([blocker.listening, readdirSync(path.dirname(file))]).toEqual([true, ['app.sock']])
})

test('a stale file is replaced', async () => {
  const file = socketPath()
  crashOn(file)
  watch(() => false)
  await expect(listen(file).outcome).resolves.toBe('listening')
  await once(net.connect(file), 'data')
  expect(readdirSync(path.dirname(file))).toEqual(['app.sock'])
})
