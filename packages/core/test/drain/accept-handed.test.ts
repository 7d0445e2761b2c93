import type { Connections } from '../../src/connections/connections.ts'
import { awaitDeclined, awaitQuiet } from '../../src/drain/accept-handed.ts'
import type { PrimaryState } from '../../src/system/cluster-system.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

/** A stopping worker, with the answers and connections of its primary. */
class Worker {
  readonly system = new FakeSystem()
  accepted = 0
  hurried = false
  left: number | undefined

  constructor(primary: PrimaryState | undefined, primaryAnswers = primary !== undefined) {
    Object.assign(this.system.cluster, { primary, primaryAnswers })
  }

  stop(): this {
    const connections = { accepted: () => this.accepted }
    const seen = Object.defineProperty({}, 'accepted', { get: connections.accepted }) as Connections
    void awaitQuiet(seen, this.system, () => this.hurried).then(() => {
      this.left = this.system.now()
    })
    return this
  }

  /** Its server has closed. */
  close(): this {
    void awaitDeclined(this.system, () => this.hurried).then(() => {
      this.left = this.system.now()
    })
    return this
  }

  /** Advances the clock in steps, with or without connections from the primary. */
  async pass(milliseconds: number, isHanded = false, step = 50): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += step) {
      if (isHanded) this.accepted++
      this.system.advance(step)
      await turn()
      await turn()
    }
  }
}

describe('a worker that stops waits', () => {
  test('for 100 ms of silence from a primary that never answered', async () => {
    const worker = new Worker(undefined).stop()
    await worker.pass(50)
    expect(worker.left).toBeUndefined()
    await worker.pass(50)
    expect(worker.left).toBe(100)
  })

  test('for a second answer from a primary that serves', async () => {
    const worker = new Worker('serving').stop()
    await worker.pass(400)
    expect(worker.left).toBe(200)
  })

  test('at most 1200 ms for a primary that keeps handing it connections', async () => {
    const worker = new Worker('serving').stop()
    await worker.pass(1150, true)
    expect(worker.left).toBeUndefined()
    await worker.pass(100, true)
    expect(worker.left).toBe(1200)
  })

  test('for a blocked primary', async () => {
    const worker = new Worker(undefined, true).stop()
    await worker.pass(3000)
    expect(worker.left).toBeUndefined()
    worker.hurried = true
    await worker.pass(100)
    expect(worker.left).toBe(3100)
  })

  test('at most 5000 ms for a blocked primary', async () => {
    const worker = new Worker(undefined, true).stop()
    await worker.pass(6000)
    expect(worker.left).toBe(5000)
  })

  test('until a stopping primary has handed over its last connection', async () => {
    const worker = new Worker('stopping').stop()
    await worker.pass(2000)
    expect(worker.left).toBeUndefined()
    worker.system.cluster.primary = 'closed'
    await worker.pass(400)
    expect(worker.left).toBe(2200)
  })
})

describe('a worker whose server has closed declines', () => {
  const passed = async (worker: Worker, milliseconds: number): Promise<number | undefined> => {
    await worker.close().pass(milliseconds, false, 20)
    return worker.left
  }

  test('connections for 20 ms if the primary never answered', async () => {
    expect(await passed(new Worker(undefined), 100)).toBe(20)
  })

  test('connections until a primary that answers has read the message', async () => {
    expect(await passed(new Worker('serving'), 100)).toBe(20)
  })

  test('connections while its primary is blocked, unless the drain is forced', async () => {
    const worker = new Worker(undefined, true)
    expect(await passed(worker, 3000)).toBeUndefined()
    worker.hurried = true
    await worker.pass(20, false, 20)
    expect(worker.left).toBe(3020)
  })

  test('connections for at most 5000 ms', async () => {
    expect(await passed(new Worker(undefined, true), 6000)).toBe(5000)
  })
})
