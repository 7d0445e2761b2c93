import { EventEmitter } from 'node:events'
import { Drain, type DrainOptions } from '../../src/drain/drain.ts'
import type { ServerDrain } from '../../src/drain/server-drain.ts'
import { Attempts } from '../../src/errors/attempts.ts'
import type { ZerodropError } from '../../src/errors/zerodrop-error.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

const steps = [
  'start',
  'hurry',
  'stopAccepting',
  'linger',
  'onSettled',
  'force',
  'destroy',
  'giveUpMoving',
  'dispose',
  'migrates',
  'tally',
  'websockets',
  'reset',
  'empty',
  'onChange',
] as const
type Step = (typeof steps)[number]

/** A server whose drain throws at one step, and that has one connection until it is destroyed. */
class FakeServerDrain {
  readonly calls: Step[] = []
  readonly #broken: Step | undefined
  readonly #changes = new EventEmitter()
  #open = true

  constructor(broken?: Step) {
    this.#broken = broken
  }

  readonly connections = {
    empty: (): Promise<void> => {
      this.#call('empty')
      if (!this.#open) return Promise.resolve()
      return new Promise((resolve) => this.#changes.once('ended', resolve))
    },
    onChange: (listener: () => void): (() => void) => {
      this.#call('onChange')
      this.#changes.on('ended', listener)
      return () => this.#changes.off('ended', listener)
    },
  }

  end(): void {
    this.#open = false
    this.#changes.emit('ended')
  }

  start(): void {
    this.#call('start')
  }
  hurry(): void {
    this.#call('hurry')
  }
  async stopAccepting(): Promise<void> {
    this.#call('stopAccepting')
  }
  linger(): void {
    this.#call('linger')
  }
  onSettled(listener: () => void): void {
    this.#call('onSettled')
    listener()
  }
  force(): [] {
    this.#call('force')
    return []
  }
  destroy(): void {
    this.#call('destroy')
    this.end()
  }
  giveUpMoving(): void {
    this.#call('giveUpMoving')
    this.end()
  }
  dispose(): void {
    this.#call('dispose')
  }
  get migrates(): boolean {
    this.#call('migrates')
    // Only moving connections are watched.
    return this.#broken === 'onChange'
  }
  get tally(): object {
    this.#call('tally')
    return { finished: 1, served: 0, refused: 0, left: 0, cut: [] }
  }
  get websockets(): number {
    this.#call('websockets')
    return 0
  }
  get reset(): number {
    this.#call('reset')
    return 0
  }

  #call(step: Step): void {
    this.calls.push(step)
    if (step === this.#broken) throw new Error(`${step} is broken on purpose`)
  }
}

test.each(steps)('a drain completes even if a server throws in: %s', async (step) => {
  const system = new FakeSystem()
  const errors: ZerodropError[] = []
  const [broken, sound] = [new FakeServerDrain(step), new FakeServerDrain()]
  const drain = run(system, [broken, sound], errors)
  // Each wait of the drain ends at its time limit.
  const result = await passing(system, drain.ended)
  expect(result).toMatchObject({ cut: [] })
  expect(sound.calls).toEqual(
    expect.arrayContaining(['start', 'stopAccepting', 'force', 'destroy', 'dispose']),
  )
  expect(broken.calls).toEqual(expect.arrayContaining(['start', 'stopAccepting', 'force', 'dispose']))
  expect(errors).toEqual([
    expect.objectContaining({
      code: 'ERR_ZERODROP_STEP_FAILED',
      message: expect.stringContaining(`${step} is broken on purpose`),
    }),
  ])
  expect(system.timers).toBe(0)
})

test.each(['onAcceptStopped', 'onForce', 'onSettled'] as const)(
  'a drain goes on to its end when its owner throws at: %s',
  async (step) => {
    const system = new FakeSystem()
    const errors: ZerodropError[] = []
    const fail = (): never => {
      throw new Error(`${step} is broken on purpose`)
    }
    const observer = { onAcceptStopped: () => {}, onForce: () => {} }
    const onSettled = step === 'onSettled' ? fail : () => {}
    const server = new FakeServerDrain()
    const drain = run(system, [server], errors, { observer: { ...observer, [step]: fail }, onSettled })
    await passing(system, drain.ended)
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_ZERODROP_STEP_FAILED' })])
    expect(server.calls).toContain('dispose')
  },
)

test('a destroyed connection that never emits "close" does not block a drain', async () => {
  const system = new FakeSystem()
  const server = new FakeServerDrain()
  server.end = () => {}
  const drain = run(system, [server], [])
  await passing(system, drain.ended)
  expect(server.calls).toContain('giveUpMoving')
})

function run(
  system: FakeSystem,
  servers: FakeServerDrain[],
  errors: ZerodropError[],
  { observer, onSettled = () => {} }: Partial<DrainOptions> & { onSettled?: () => void } = {},
): { ended: Promise<unknown> } {
  const drain = new Drain(system, servers as unknown as ServerDrain[], {
    drainTimeout: 10_000,
    drainDelay: 0,
    successor: false,
    observer,
    onCut: () => {},
    attempts: new Attempts((error) => errors.push(error)),
  })
  return { ended: drain.run(onSettled) }
}

/** Advances the clock until the promise settles. */
async function passing<Result>(system: FakeSystem, ended: Promise<Result>): Promise<Result> {
  let over = false
  const end = (): void => {
    over = true
  }
  ended.then(end, end)
  for (let turns = 0; turns < 100 && !over; turns += 1) {
    await turn()
    system.advance(1000)
  }
  if (!over) throw new Error('it has not ended')
  return ended
}
