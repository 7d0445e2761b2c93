import type { Connections } from '../../src/connections/connections.ts'
import { awaitQuiet } from '../../src/drain/accept-handed.ts'
import type { PrimaryState } from '../../src/system/system.ts'
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

  /** Passes this time, by steps in which the primary hands it connections or not. */
  async pass(milliseconds: number, isHanded = false): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 50) {
      if (isHanded) this.accepted++
      this.system.advance(50)
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
