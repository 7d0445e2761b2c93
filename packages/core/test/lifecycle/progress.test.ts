import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each()
})

async function serving() {
  const system = new FakeSystem()
  system.terminal = true
  const lifecycle = new Lifecycle(wire(system))
  lifecycle.configure({ readyTimeout: 3000 })
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.push(() => rmSync(folder, { recursive: true }))
  // It answers no request, so each stays in flight until its client leaves.
  const server = http.createServer()
  undo.push(() => server.close())
  const socket = path.join(folder, 'app.sock')
  server.listen(socket)
  await once(server, 'listening')
  lifecycle.attach(server)
  return { system, lifecycle, server, socket }
}

test('a slow restart is shown until it has failed', async () => {
  const { system, lifecycle } = await serving()
  const restart = lifecycle.restart().catch((error: unknown) => error)
  system.advance(299)
  await turn()
  expect(system.progress).toEqual([])
  system.advance(1)
  await turn()
  system.advance(700)
  const text = (seconds: number) => `restarting: generation 2 is not ready yet, ${seconds} s left`
  expect(system.progress).toEqual([text(3), text(3), text(3)])
  system.advance(250)
  expect(system.progress.at(-1)).toBe(text(2))
  system.child.exits(1)
  await restart
  expect([system.progress.at(-1), system.timers]).toEqual([undefined, 0])
})

test('a shutdown during a restart is shown until the drain has ended', async () => {
  const { system, lifecycle, server, socket } = await serving()
  const client = net.connect(socket)
  undo.push(() => client.destroy())
  client.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(server, 'request')
  const restart = lifecycle.restart().catch((error: unknown) => error)
  const shutdown = lifecycle.shutdown()
  system.child.exits(1)
  await restart
  system.advance(300)
  await turn()
  expect(system.progress).toEqual([
    expect.stringMatching(/^draining: 1 connection \(1 handling\), 1 in flight/),
  ])
  client.destroy()
  await shutdown
  expect([system.progress.at(-1), system.timers]).toEqual([undefined, 0])
})

test('a drain that ends at once is not shown', async () => {
  const { system, lifecycle } = await serving()
  const restart = lifecycle.restart().catch((error: unknown) => error)
  system.child.exits(1)
  await restart
  await lifecycle.shutdown()
  system.advance(1000)
  await turn()
  expect([system.progress, system.timers]).toEqual([[], 0])
})

test('a drain that ends while the terminal is being opened leaves no line', async () => {
  const { system, lifecycle } = await serving()
  const restart = lifecycle.restart().catch((error: unknown) => error)
  system.advance(300)
  system.child.exits(1)
  await restart
  await turn()
  expect([system.progress.at(-1), system.timers]).toEqual([undefined, 0])
})
