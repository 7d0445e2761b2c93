import type { Connections } from '../../src/connections/connections.ts'
import { awaitDeclined, awaitQuiet } from '../../src/drain/accept-handed.ts'
import type { PrimaryState } from '../../src/system/cluster-system.ts'
import { FakeSystem } from '../fake-system.ts'

/** A worker that stops, and what its primary answers and hands it. */
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

  /** Passes this time, by steps in which the primary hands it connections or not. */
  async pass(milliseconds: number, isHanded = false, step = 50): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += step) {
      if (isHanded) this.accepted++
      this.system.advance(step)
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

describe('a worker that stops waits', () => {
  test('100 ms of silence from a primary that never answered', async () => {
    const worker = new Worker(undefined).stop()
    await worker.pass(50)
    expect(worker.left).toBeUndefined()
    await worker.pass(50)
    expect(worker.left).toBe(100)
  })

  test('for a second answer of a primary that serves', async () => {
    const worker = new Worker('serving').stop()
    await worker.pass(400)
    expect(worker.left).toBe(200)
  })

  test('1200 ms at most for a primary that goes on handing it connections', async () => {
    const worker = new Worker('serving').stop()
    await worker.pass(1150, true)
    expect(worker.left).toBeUndefined()
    await worker.pass(100, true)
    expect(worker.left).toBe(1200)
  })

  test('for a primary that is held up', async () => {
    const worker = new Worker(undefined, true).stop()
    await worker.pass(3000)
    expect(worker.left).toBeUndefined()
    worker.hurried = true
    await worker.pass(100)
    expect(worker.left).toBe(3100)
  })

  test('5000 ms at most for a primary that is held up', async () => {
    const worker = new Worker(undefined, true).stop()
    await worker.pass(6000)
    expect(worker.left).toBe(5000)
  })

  test('until a primary that stops has handed over its last connection', async () => {
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

  test('for 20 ms, with a primary that never answered', async () => {
    expect(await passed(new Worker(undefined), 100)).toBe(20)
  })

  test('until a primary that answers has read of it', async () => {
    expect(await passed(new Worker('serving'), 100)).toBe(20)
  })

  test('for as long as its primary is held up, unless it is hurried', async () => {
    const worker = new Worker(undefined, true)
    expect(await passed(worker, 3000)).toBeUndefined()
    worker.hurried = true
    await worker.pass(20, false, 20)
    expect(worker.left).toBe(3020)
  })

  test('for 5000 ms at most', async () => {
    expect(await passed(new Worker(undefined, true), 6000)).toBe(5000)
  })
})
