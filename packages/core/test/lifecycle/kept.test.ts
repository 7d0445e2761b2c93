import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { LifecycleOptions } from '../../src/index.ts'
import { message } from '../../src/handover/protocol.ts'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import { protocolVersion } from '../../src/system/boot.ts'
import type { Keeper } from '../../src/system/system.ts'
import { FakeSystem } from '../fake-system.ts'
import { undoAfterEach } from '../undo-after-each.ts'
import { turns } from '../turns.ts'

const undo = undoAfterEach()

class FakeKeeper implements Keeper {
  readonly pid = 7
  readonly generation = 1
  readonly listeners = []
  connected = true
  readonly onDeath: Keeper['onDeath']
  #gone = (): void => {}

  constructor(onDeath?: 'drain' | 'serve') {
    this.onDeath = onDeath
  }

  keep(): void {}
  inherits(): void {}
  letGo = (): Promise<void> => Promise.resolve()
  takeCharge(): void {}
  onAsk = () => () => {}
  onGone(listener: () => void) {
    this.#gone = listener
    return () => {}
  }

  dies(): void {
    this.connected = false
    this.#gone()
  }
}

/** The channel to a predecessor with pid 77. */
class FakePredecessor {
  readonly #listeners: ((value: unknown, handle: unknown) => void)[] = []
  readonly #onDisconnect: (() => void)[] = []
  readonly send = jest.fn()
  readonly disconnect = jest.fn()

  onMessage(listener: (value: unknown, handle: unknown) => void) {
    this.#listeners.push(listener)
    return () => {}
  }

  onDisconnect(listener: () => void) {
    this.#onDisconnect.push(listener)
    return () => {}
  }

  says(...[body]: Parameters<typeof message>): void {
    for (const listener of this.#listeners) listener(message(body), undefined)
  }

  closes(): void {
    for (const listener of this.#onDisconnect) listener()
  }
}

const inherit = JSON.stringify({ version: protocolVersion, generation: 2, pid: 77, listeners: [] })

/** A listening process, with its reports of the keeper's death. */
async function listening(
  system: FakeSystem,
  options: LifecycleOptions = {},
): Promise<{ lifecycle: Lifecycle; deaths: unknown[] }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  const server = http.createServer()
  undo.push(() => rmSync(folder, { recursive: true }))
  undo.push(() => server.close())
  const lifecycle = new Lifecycle(wire(system))
  const deaths: unknown[] = []
  lifecycle.events.on('keeper:died', (death) => deaths.push(death))
  lifecycle.configure({ logger: false, ...options })
  server.listen(path.join(folder, 'app.sock'))
  await once(server, 'listening')
  await turns()
  return { lifecycle, deaths }
}

describe('a process whose keeper dies', () => {
  test.each([
    [undefined, undefined, 'drain'],
    ['serve', undefined, 'serve'],
    [undefined, 'serve', 'serve'],
    ['drain', 'serve', 'serve'],
    ['serve', 'drain', 'drain'],
  ] as const)('with the option %s and the keeper’s option %s: %s', async (option, told, action) => {
    const system = new FakeSystem()
    const keeper = new FakeKeeper(told)
    system.keeper = keeper
    const { lifecycle, deaths } = await listening(system, option && { onKeeperDeath: option })
    keeper.dies()
    await turns()
    expect(deaths).toEqual([{ pid: 7, action }])
    expect(lifecycle.state === 'serving').toBe(action === 'serve')
  })

  test('restarts without a keeper from then on, and may keep its own pid', async () => {
    const system = new FakeSystem()
    const keeper = new FakeKeeper('serve')
    system.keeper = keeper
    const { lifecycle } = await listening(system, { keepPid: true })
    keeper.dies()
    lifecycle.restart().catch(() => {})
    await turns()
    expect(system.spawned).toHaveLength(1)
    system.child.says(message({ type: 'started' }))
    system.child.says(message({ type: 'ready' }))
    await turns()
    expect([lifecycle.state, system.pidKeeping.kept]).toEqual(['handing-over', 2])
  })

  test('reports the death when it takes over, if it is a starting successor', async () => {
    const system = new FakeSystem({ inheritVariable: inherit })
    const keeper = new FakeKeeper('serve')
    const predecessor = new FakePredecessor()
    Object.assign(system, { keeper, predecessor })
    const { lifecycle, deaths } = await listening(system)
    keeper.dies()
    await turns()
    expect([lifecycle.state, deaths]).toEqual(['serving', []])
    predecessor.says({ type: 'serve' })
    await turns()
    expect(deaths).toEqual([{ pid: 7, action: 'serve' }])
  })

  test('leaves the reaction to its successor after a handover, and reports the death when it takes over again', async () => {
    const system = new FakeSystem()
    const keeper = new FakeKeeper('serve')
    system.keeper = keeper
    const { lifecycle, deaths } = await listening(system)
    lifecycle.restart().catch(() => {})
    await turns()
    system.advance(100)
    await turns()
    system.child.says(message({ type: 'started' }))
    system.child.says(message({ type: 'ready' }))
    await turns()
    expect(lifecycle.state).toBe('handing-over')
    keeper.dies()
    await turns()
    expect(deaths).toEqual([])
    system.child.exits(1)
    await turns()
    expect([lifecycle.state, deaths]).toEqual(['serving', [{ pid: 7, action: 'serve' }]])
  })
})

describe('a successor whose channel closes before the predecessor has said anything', () => {
  test('ends if the predecessor lives, because the keeper died before it passed the channel on', async () => {
    const system = new FakeSystem({ inheritVariable: inherit })
    const predecessor = new FakePredecessor()
    Object.assign(system, { keeper: new FakeKeeper('serve'), predecessor })
    system.running.add(77)
    const { lifecycle } = await listening(system, { logger: 'stderr' })
    const died = jest.fn()
    lifecycle.events.on('predecessor:died', died)
    predecessor.closes()
    await turns()
    expect(lifecycle.state).not.toBe('serving')
    expect(died).not.toHaveBeenCalled()
    expect(system.errors).toContainEqual(
      expect.stringMatching(/pid 77\) serves on and cannot reach this process/),
    )
  })

  test.each([
    ['if the predecessor is dead', (): void => {}, false],
    [
      'if the predecessor has spoken',
      (it: FakePredecessor) => it.says({ type: 'ticket-keys', servers: [] }),
      true,
    ],
  ])('serves %s', async (_why, before, runs) => {
    const system = new FakeSystem({ inheritVariable: inherit })
    const predecessor = new FakePredecessor()
    Object.assign(system, { predecessor })
    if (runs) system.running.add(77)
    const { lifecycle } = await listening(system)
    const died = jest.fn()
    lifecycle.events.on('predecessor:died', died)
    before(predecessor)
    predecessor.closes()
    await turns()
    expect([lifecycle.state, died.mock.calls.length]).toEqual(['serving', 1])
  })
})

test('a restart below a keeper starts no successor if a shutdown has begun, and gives that as the reason', async () => {
  const system = new FakeSystem()
  system.keeper = new FakeKeeper()
  const { lifecycle } = await listening(system)
  const restart = lifecycle.restart().catch((error: unknown) => error)
  await turns()
  lifecycle.shutdown().catch(() => {})
  // The keeper has dropped the socket by now.
  system.spawnError = new Error('the keeper has no socket')
  await turns()
  system.advance(100)
  await turns()
  expect(await restart).toMatchObject({ code: 'ERR_ZERODROP_RESTART_ABORTED' })
  expect(system.spawned).toEqual([])
})
