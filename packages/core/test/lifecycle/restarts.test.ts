import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { LifecycleOptions } from '../../src/options/options.ts'
import { message } from '../../src/handover/protocol.ts'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import { FakeSystem } from '../fake-system.ts'
import { undoAfterEach } from '../undo-after-each.ts'
import { turns } from '../turns.ts'

const undo = undoAfterEach()

async function serving(
  options: LifecycleOptions = {},
  system = new FakeSystem(),
): Promise<{ system: FakeSystem; lifecycle: Lifecycle }> {
  const lifecycle = new Lifecycle(wire(system))
  lifecycle.configure(options)
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  const server = http.createServer((_request, response) => response.end())
  undo.push(
    () => rmSync(folder, { recursive: true }),
    () => server.close(),
  )
  await once(server.listen(path.join(folder, 'app.sock')), 'listening')
  return { system, lifecycle }
}

describe('a restart requested while the process stops', () => {
  const declined =
    '[zerodrop] pid 4242: asked to restart, but this process stops: start the application again'

  test('by a successor on probation is declined once, and does not count as a failed restart', async () => {
    const { system, lifecycle } = await serving({ probation: 60_000 })
    const restart = lifecycle.restart().catch((error: unknown) => error)
    await turns()
    system.child.says(message({ type: 'ready' }))
    await turns()
    const stopped = lifecycle.shutdown()
    for (let count = 0; count < 2; count++) system.child.says(message({ type: 'restart' }))
    system.child.says(message({ type: 'stopping' }))
    system.child.exits(0)
    await expect(restart).resolves.toMatchObject({ code: 'ERR_ZERODROP_RESTART_ABORTED' })
    await stopped
    await turns()
    expect(system.errors.filter((line) => line === declined)).toHaveLength(1)
    expect(system.errors.join()).not.toContain('NOT_SERVING')
    expect(system.spawned).toHaveLength(1)
  })

  test('by a signal is declined once', async () => {
    const { system, lifecycle } = await serving()
    const stopped = lifecycle.shutdown()
    for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGHUP'] as const) system.deliver(signal)
    await stopped
    expect(system.errors).toEqual([declined])
  })
})

describe('a restart that waits for an earlier generation', () => {
  test('is abandoned at a shutdown', async () => {
    const { system, lifecycle } = await serving({ readyTimeout: 1000 })
    const first = lifecycle.restart().catch((error: unknown) => error)
    await turns()
    system.advance(1000)
    await expect(first).resolves.toMatchObject({ code: 'ERR_ZERODROP_READY_TIMEOUT' })
    // The process that was killed has not ended yet.
    const second = lifecycle.restart().catch((error: unknown) => error)
    await turns()
    expect(system.spawned).toHaveLength(1)
    await lifecycle.shutdown()
    await expect(second).resolves.toMatchObject({
      code: 'ERR_ZERODROP_RESTART_ABORTED',
      message: 'Generation 2 was not started: a shutdown came first.',
    })
    expect([system.spawned.length, system.timers]).toEqual([1, 1])
  })
})

describe('a restart requested while a keeper starts the successor', () => {
  test('is followed by one more, because it may mean newer code', async () => {
    const system = new FakeSystem()
    let answer: (child: ChildProcess) => void = () => {}
    const spawn = system.spawn.bind(system)
    system.spawn = (...program) => {
      spawn(...program)
      // As a keeper answers.
      return new Promise<ChildProcess>((resolve) => {
        answer = resolve
      }) as unknown as ChildProcess
    }
    const { lifecycle } = await serving({}, system)
    void lifecycle.restart().catch(() => {})
    await turns()
    system.deliver('SIGHUP')
    expect(system.errors).toEqual([
      '[zerodrop] pid 4242: asked to restart again: one more restart follows the one to generation 2',
    ])
    answer(system.child as unknown as ChildProcess)
    await turns()
    system.child.exits(1)
    await turns()
    expect(system.spawned).toHaveLength(2)
  })
})

describe('a successor that is not ready when the next restart is requested', () => {
  test('is abandoned after 5 s, not counting the time it waits for a processor', async () => {
    const { system, lifecycle } = await serving()
    const restart = lifecycle.restart().catch((error: unknown) => error)
    await turns()
    system.deliver('SIGHUP')
    system.waitedForProcessor = 3000
    system.advance(7900)
    await turns()
    expect([system.child.kills, system.errors.length]).toEqual([[], 1])
    system.waitedForProcessor = 3500
    system.advance(500)
    await turns()
    expect(system.child.kills).toEqual([])
    system.advance(200)
    await expect(restart).resolves.toMatchObject({ code: 'ERR_ZERODROP_RESTART_SUPERSEDED' })
    expect(system.child.kills).toEqual(['SIGKILL'])
  })
})
