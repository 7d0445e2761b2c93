import { once } from 'node:events'
import net from 'node:net'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import type { LifecycleOptions } from '../../src/options/options.ts'
import { FakeSystem } from '../fake-system.ts'
import { undoAfterEach } from '../undo-after-each.ts'
import { turn, turns } from '../turns.ts'

const undo = undoAfterEach()

/** A primary with two workers that listen. */
function primary(options: LifecycleOptions = {}) {
  const system = new FakeSystem()
  const lifecycle = new Lifecycle(wire(system))
  lifecycle.configure(options)
  system.cluster.fork(1)
  system.cluster.fork(2)
  return { system, lifecycle, cluster: system.cluster }
}

const exited = async (system: FakeSystem): Promise<number[]> => {
  while (system.exits.length === 0) await turn()
  return system.exits
}

describe('a worker of node:cluster', () => {
  test('notifies its primary of a stop only if the stop ends the worker', async () => {
    const system = new FakeSystem()
    system.incapacity = 'cluster-worker'
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure({})
    await lifecycle.shutdown()
    expect(system.cluster.toldStopping).toBe(0)
  })
})

describe('a primary of node:cluster', () => {
  test('serves and handles signals while it has workers', () => {
    const { system, lifecycle, cluster } = primary()
    expect([lifecycle.state, system.signals.includes('SIGTERM')]).toEqual(['serving', true])
    cluster.exit(1)
    expect(lifecycle.state).toBe('serving')
    cluster.exit(2)
    expect([lifecycle.state, system.signals]).toEqual(['starting', []])
  })

  test('forwards the signal at once, and exits after the last of its workers', async () => {
    const { system, cluster } = primary()
    system.deliver('SIGINT')
    await turn()
    expect(cluster.stopped).toEqual([
      [1, 'SIGINT'],
      [2, 'SIGINT'],
    ])
    cluster.exit(2)
    await turns()
    expect(system.exits).toEqual([])
    cluster.exit(1)
    expect(await exited(system)).toEqual([0])
    expect(system.errors.join('\n')).toContain('2 cluster workers ended, 0 of them with a failure')
  })

  test('tells its workers what it does with new connections', async () => {
    const { system, cluster } = primary()
    expect(cluster.ask()).toBe('serving')
    system.deliver('SIGTERM')
    expect(cluster.ask()).toBe('stopping')
    await turn()
    expect(cluster.ask()).toBe('closed')
  })

  test('runs its hooks after the workers have exited', async () => {
    const { lifecycle, cluster } = primary()
    const hook = jest.fn()
    lifecycle.onShutdown('database', hook)
    const ending = lifecycle.shutdown()
    await turn()
    expect(cluster.stopped).toContainEqual([1, 'SIGTERM'])
    cluster.exit(1)
    await turns()
    expect(hook).not.toHaveBeenCalled()
    cluster.exit(2)
    await ending
    expect(hook).toHaveBeenCalledTimes(1)
  })

  test('exits with an error if a worker does', async () => {
    const { system, cluster } = primary()
    system.deliver('SIGTERM')
    cluster.exit(1, false)
    cluster.exit(2)
    expect(await exited(system)).toEqual([1])
  })

  test('kills workers that have not exited some seconds after its own deadline', async () => {
    const { system, cluster } = primary({ drainTimeout: 1000 })
    system.deliver('SIGTERM')
    cluster.exit(1)
    await turn()
    system.advance(5999)
    expect(cluster.stopped).not.toContainEqual([2, 'SIGKILL'])
    system.advance(1)
    expect(cluster.stopped).toContainEqual([2, 'SIGKILL'])
    expect(await exited(system)).toEqual([1])
    expect(system.errors.join('\n')).toContain('killed the cluster workers that had not ended')
  })

  test('forwards a second signal, and stops waiting', async () => {
    const { system, cluster } = primary()
    system.deliver('SIGTERM')
    system.advance(500)
    await turn()
    system.deliver('SIGTERM')
    expect(cluster.stopped.filter(([id]) => id === 1)).toHaveLength(2)
    expect(await exited(system)).toEqual([143])
  })

  test('stops a worker that the application forks in the meantime, and does not wait for it', async () => {
    const { system, cluster } = primary()
    system.deliver('SIGTERM')
    cluster.exit(1)
    cluster.fork(3)
    expect(cluster.stopped.at(-1)).toEqual([3, 'SIGTERM'])
    cluster.exit(2)
    expect(await exited(system)).toEqual([0])
  })

  test('cannot restart', async () => {
    const { lifecycle } = primary()
    await expect(lifecycle.restart()).rejects.toMatchObject({ code: 'ERR_ZERODROP_CLUSTER_PRIMARY' })
  })
})

describe('a worker of node:cluster', () => {
  test('drains and exits if its primary disappears', async () => {
    const system = new FakeSystem({ incapacity: 'cluster-worker' })
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure({ lingerTimeout: 0 })
    expect(system.cluster.losePrimary()).toBe(false)
    const server = net.createServer().listen(0, '127.0.0.1')
    undo.push(() => server.close())
    await once(server, 'listening')
    expect(system.cluster.losePrimary()).toBe(true)
    expect(lifecycle.state).toBe('draining')
    const advancing = setInterval(() => system.advance(50), 5)
    undo.push(() => clearInterval(advancing))
    expect(await exited(system)).toEqual([0])
  })
})
