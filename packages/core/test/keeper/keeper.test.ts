import { setImmediate as turn } from 'node:timers/promises'
import { Keeper, type KeeperOptions } from '../../src/keeper/keeper.ts'
import { FakeGeneration, FakeKeeperSystem } from './fake-keeper-system.ts'

const program = { file: '/usr/bin/node', args: ['node', 'server.js'], cwd: '/srv', env: { NAME: 'value' } }
const start = {
  type: 'start',
  id: 1,
  file: '/usr/bin/node',
  args: ['node', 'server.js'],
  cwd: '/srv',
  env: { NAME: 'new' },
  listeners: ['tcp://[::]:3000'],
}

let system: FakeKeeperSystem
beforeEach(() => {
  system = new FakeKeeperSystem()
})

async function run(options: Partial<KeeperOptions> = {}): Promise<{ keeper: Keeper; first: FakeGeneration }> {
  const keeper = new Keeper(system, program, { respawn: false, maxCrashes: 10, ...options })
  await keeper.run()
  return { keeper, first: system.newest }
}

/** A first generation that serves on one socket. */
async function serving(options: Partial<KeeperOptions> = {}) {
  const { keeper, first } = await run(options)
  const handle = { fd: 17, closed: 0, close: () => void handle.closed++ }
  first.says({ type: 'charge', generation: 1 })
  first.says({ type: 'keep', bound: 'tcp://[::]:3000', requested: 'tcp://*:3000' }, handle)
  return { keeper, first, handle }
}

/** The same, in the middle of a restart: the second generation has been started. */
async function restarting(options: Partial<KeeperOptions> = {}) {
  const { first, ...rest } = await serving(options)
  first.says(start)
  await turn()
  return { ...rest, first, second: system.newest }
}

test('the first generation learns how to reach its keeper', async () => {
  const { first } = await run()
  expect(first.program.args).toEqual(['node', 'server.js'])
  expect(first.program.env['NAME']).toBe('value')
  expect(first.orders).toEqual({ version: 1, pid: 1, channel: 3, generation: 1, listeners: [] })
})

test('a keeper that cannot start the application reports an error', async () => {
  system.spawnError = new Error('spawn ENOENT')
  await expect(run()).rejects.toMatchObject({
    code: 'ERR_ZERODROP_SPAWN_FAILED',
    message: expect.stringContaining('spawn ENOENT'),
  })
})

test('a successor gets the sockets and a stream to the generation that requested it', async () => {
  const { first, second } = await restarting()
  expect(second.descriptors).toEqual([17])
  expect(second.orders).toMatchObject({ channel: 5, generation: 2, listeners: [] })
  expect(second.program.env['NAME']).toBe('new')
  expect(first.sent).toEqual([
    { message: { zerodropKeeper: 1, type: 'started', id: 1, pid: second.pid }, handle: { fd: 99 } },
  ])
  expect(second.streamClosed).toBe(true)
})

test('a successor that cannot be started is refused with the reason', async () => {
  const { first } = await serving()
  system.spawnError = new Error('spawn EAGAIN')
  first.says(start)
  await turn()
  expect(first.sent.at(-1)?.message).toMatchObject({ type: 'not-started', id: 1, message: 'spawn EAGAIN' })
})

test('the error names a socket that the keeper does not hold', async () => {
  const { first } = await serving()
  first.says({ ...start, listeners: ['tcp://[::]:4000'] })
  await turn()
  expect(first.sent.at(-1)?.message).toMatchObject({
    type: 'not-started',
    message: 'the keeper has no socket of tcp://[::]:4000; it may have had too many open files (EMFILE)',
  })
})

test('the keeper takes the parent channel from any generation, and closes it at the request of the serving one', async () => {
  const { first, second } = await restarting()
  const handle = { fd: 23, close: () => {} }
  first.says({ type: 'parent', serialization: 'advanced' }, handle)
  expect(system.parent).toEqual({ handle, serialization: 'advanced' })
  second.says({ type: 'parent-closed' })
  expect(system.parent).toEqual({ handle, serialization: 'advanced' })
  first.says({ type: 'parent-closed' })
  expect(system.parent).toBe('closed')
})

test('the generation that keeps serving is notified of the end of a successor', async () => {
  const { first, second } = await restarting()
  second.ends(7)
  expect(first.sent.at(-1)?.message).toEqual({
    zerodropKeeper: 1,
    type: 'ended',
    pid: second.pid,
    code: 7,
    signal: null,
  })
  expect(system.ends).toEqual([])
})

test('a generation can have its successor killed, but no other process', async () => {
  const { first, second } = await restarting()
  first.says({ type: 'kill', pid: second.pid, signal: 'SIGKILL' })
  first.says({ type: 'kill', pid: 4242, signal: 'SIGKILL' })
  expect(second.kills).toEqual(['SIGKILL'])
})

test('the keeper ends with the exit status of the last serving generation', async () => {
  const { first, second } = await restarting()
  second.says({ type: 'charge', generation: 2 })
  first.ends(0)
  expect(system.ends).toEqual([])
  second.ends(3)
  expect(system.ends).toEqual([[3, null]])
})

test('a predecessor that ends after its successor crashed does not hide the crash', async () => {
  const { first, second } = await restarting()
  second.says({ type: 'charge', generation: 2 })
  second.ends(7)
  first.ends(0)
  expect(system.ends).toEqual([[7, null]])
})

test('a predecessor that outlives its successor decides, because it may serve again', async () => {
  const { first, second } = await restarting()
  second.says({ type: 'charge', generation: 2 })
  second.ends(null, 'SIGSEGV')
  first.says({ type: 'charge', generation: 1 })
  system.deliver('SIGHUP')
  expect(first.kills).toEqual(['SIGHUP'])
  first.ends(0)
  expect(system.ends).toEqual([[0, null]])
})

test('a signal reaches the serving generation', async () => {
  const { first, second } = await restarting()
  system.deliver('SIGHUP')
  second.says({ type: 'charge', generation: 2 })
  system.deliver('SIGUSR2')
  system.deliver('SIGTERM')
  expect([first.kills, second.kills]).toEqual([['SIGHUP'], ['SIGUSR2', 'SIGTERM']])
})

test('a signal that may mean a restart waits for a starting generation, and arrives once', async () => {
  const { first } = await run()
  system.deliver('SIGHUP')
  system.deliver('SIGHUP')
  expect(first.kills).toEqual([])
  first.says({ type: 'charge', generation: 1 })
  expect(first.kills).toEqual(['SIGHUP'])
})

test.each<[NodeJS.Signals]>([['SIGALRM'], ['SIGVTALRM'], ['SIGIO'], ['SIGPWR']])(
  '%s, which would end a keeper that does not handle it, reaches the application',
  async (signal) => {
    const { first } = await serving()
    system.deliver(signal)
    expect(first.kills).toEqual([signal])
  },
)

describe('a signal that a terminal or a shell sends to every process of a job', () => {
  const signals = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGCONT', 'SIGWINCH'] as const

  test.each(signals)('%s: the keeper passes it on without a terminal', async (signal) => {
    const { first } = await serving()
    system.deliver(signal)
    expect(first.kills).toEqual([signal])
  })

  test.each(signals)('%s: at a terminal, it is left to the kernel', async (signal) => {
    system.terminal = true
    await serving()
    expect(system.handles(signal)).toBe(false)
  })
})

test.each([1, 2])(
  'a signal that ends the serving generation (%i) during a restart ends the other generation too',
  async (serving) => {
    const { first, second } = await restarting()
    if (serving === 2) second.says({ type: 'charge', generation: 2 })
    const [told, other] = serving === 1 ? [first, second] : [second, first]
    system.deliver('SIGQUIT')
    told.ends(null, 'SIGQUIT')
    expect(other.kills).toEqual(['SIGQUIT'])
    other.ends(null, 'SIGQUIT')
    expect(system.ends).toEqual([[null, 'SIGQUIT']])
  },
)

test('a stop signal that the serving generation handles reaches no other generation', async () => {
  const { first, second } = await restarting()
  system.deliver('SIGTERM')
  second.ends(null, 'SIGTERM')
  expect(first.kills).toEqual(['SIGTERM'])
  first.ends(0)
  expect(system.ends).toEqual([[0, null]])
})

test('a stop signal reaches a starting generation at once', async () => {
  const { first } = await run()
  system.deliver('SIGTERM')
  expect(first.kills).toEqual(['SIGTERM'])
  first.ends(null, 'SIGTERM')
  expect(system.ends).toEqual([[null, 'SIGTERM']])
})

describe('a generation that the keeper has not started', () => {
  const adopt = () => {
    const keeper = new Keeper(system, undefined, { respawn: false, maxCrashes: 1 })
    const generation = new FakeGeneration(50, program, [], false)
    keeper.adopt(generation, 2)
    return generation
  }

  test('receives signals before its first message', () => {
    const generation = adopt()
    system.deliver('SIGHUP')
    system.deliver('SIGTERM')
    expect(generation.kills).toEqual(['SIGHUP', 'SIGTERM'])
  })

  test('has its successors started by the keeper', async () => {
    const generation = adopt()
    generation.says({ type: 'charge', generation: 2 })
    generation.says({ type: 'keep', bound: 'tcp://[::]:3000', requested: 'tcp://*:3000' }, { fd: 17 })
    generation.says(start)
    await turn()
    expect(system.newest.descriptors).toEqual([17])
    expect(system.newest.orders).toMatchObject({ generation: 3 })
  })

  test('ends the keeper with its own status', () => {
    adopt().ends(null, 'SIGSEGV')
    expect(system.ends).toEqual([[null, 'SIGSEGV']])
  })
})

describe('sockets', () => {
  test('the keeper says that it has no room for a descriptor', async () => {
    const { first } = await run()
    first.says({ type: 'keep', bound: 'tcp://[::]:3000', requested: 'tcp://*:3000' })
    expect(system.errors).toEqual([
      expect.stringMatching(/\(EMFILE\) to hold the socket of tcp:\/\/\[::]:3000/),
    ])
  })

  test('the keeper closes a socket that the serving generation releases', async () => {
    const { first, handle } = await serving()
    first.says({ type: 'drop', bound: 'tcp://[::]:3000' })
    expect(handle.closed).toBe(1)
    expect(first.sent.at(-1)?.message).toMatchObject({ type: 'dropped', bound: 'tcp://[::]:3000' })
  })

  test('a generation that has handed over closes only its own sockets', async () => {
    const { first, second, handle } = await restarting()
    second.says({ type: 'charge', generation: 2 })
    first.says({ type: 'drop', bound: 'tcp://[::]:3000' })
    expect(handle.closed).toBe(0)
  })

  test('a new socket at the same address replaces the old one', async () => {
    const { first, handle } = await serving()
    const newer = { fd: 18, close: () => {} }
    first.says({ type: 'keep', bound: 'tcp://[::]:3000', requested: 'tcp://*:3000' }, newer)
    expect(handle.closed).toBe(1)
    first.says(start)
    await turn()
    expect(system.newest.descriptors).toEqual([18])
  })
})

describe('a crash', () => {
  test('ends the keeper with the same status', async () => {
    const { first } = await serving()
    first.ends(null, 'SIGKILL')
    expect(system.ends).toEqual([[null, 'SIGKILL']])
  })

  test('with respawn restarts the last deployed version on the same sockets', async () => {
    const { first, second } = await restarting({ respawn: true })
    second.says({ type: 'charge', generation: 2 })
    first.ends(0)
    second.ends(1)
    system.advance(0)
    await turn()
    const third = system.newest
    expect(third.program.env['NAME']).toBe('new')
    expect(third.descriptors).toEqual([17])
    expect(third.orders).toEqual({
      version: 1,
      pid: 1,
      channel: 4,
      generation: 3,
      listeners: [{ bound: 'tcp://[::]:3000', requested: 'tcp://*:3000', fd: 3 }],
    })
    expect(system.errors).toEqual([expect.stringContaining('exited with code 1')])
    expect(system.ends).toEqual([])
  })

  test('soon after another delays the respawn, and eventually ends the keeper', async () => {
    const { first } = await run({ respawn: true, maxCrashes: 3 })
    first.ends(1)
    system.advance(0)
    await turn()
    expect(system.spawned).toHaveLength(2)
    system.newest.ends(1)
    system.advance(1499)
    await turn()
    expect(system.spawned).toHaveLength(2)
    system.advance(1)
    await turn()
    expect(system.spawned).toHaveLength(3)
    system.newest.ends(5)
    expect(system.ends).toEqual([[5, null]])
  })

  test('is followed at once by the start that SIGHUP requests', async () => {
    const { first } = await run({ respawn: true })
    first.ends(1)
    system.advance(0)
    await turn()
    system.newest.ends(1)
    system.deliver('SIGHUP')
    await turn()
    expect(system.spawned).toHaveLength(3)
    system.newest.says({ type: 'charge', generation: 3 })
    expect(system.newest.kills).toEqual(['SIGHUP'])
    system.advance(10_000)
    await turn()
    expect(system.spawned).toHaveLength(3)
  })

  describe('of one generation after another', () => {
    /** The keeper waits for the third start. */
    async function waiting(): Promise<Keeper> {
      const { keeper, first } = await run({ respawn: true })
      first.ends(1)
      system.advance(0)
      await turn()
      system.newest.ends(7)
      return keeper
    }

    /** Answers the last question. */
    const answer = async (generation: FakeGeneration, result: object): Promise<void> => {
      const { message } = generation.sent.at(-1) ?? {}
      const { id } = message as { id: number }
      generation.says({ type: 'answer', id, result })
      await turn()
    }

    test('shows in the status', async () => {
      const keeper = await waiting()
      system.advance(500)
      const exit = { code: 7, signal: null }
      await expect(keeper.ask('status')).resolves.toEqual({
        result: { state: 'crashed', ready: false, keeper: 1, crashes: 2, exit, startsIn: 1000 },
      })
      system.advance(1000)
      await turn()
      await expect(keeper.ask('status')).resolves.toMatchObject({
        result: { state: 'starting', ready: false },
      })
    })

    test('is followed at once by a requested restart, which succeeds when the generation is ready', async () => {
      const keeper = await waiting()
      const restart = keeper.ask('restart')
      await turn()
      const { newest } = system
      expect(system.spawned).toHaveLength(3)
      newest.says({ type: 'charge', generation: 3 })
      await turn()
      await answer(newest, { pid: newest.pid, ready: false, generation: 3 })
      system.advance(100)
      await turn()
      await answer(newest, { pid: newest.pid, ready: true, generation: 3 })
      await expect(restart).resolves.toEqual({
        result: { generation: 3, pid: newest.pid, milliseconds: 100, migrated: 0, cut: [], respawned: true },
      })
    })

    test('fails a requested restart if the generation crashes too, with its last output', async () => {
      const { keeper, first } = await run({ respawn: true, maxCrashes: 2 })
      first.ends(1)
      const restart = keeper.ask('restart')
      await turn()
      expect(system.newest.orders).toMatchObject({ tells: true })
      system.newest.says({ type: 'stderr', text: 'Error: no database' })
      system.newest.ends(3)
      await expect(restart).resolves.toEqual({
        error: {
          code: 'ERR_ZERODROP_SUCCESSOR_EXITED',
          message: 'The application exited with code 3; that was crash 2 in a row, so the keeper ends too.',
          stderr: 'Error: no database',
        },
      })
      expect(system.ends).toEqual([])
      system.advance(0)
      expect(system.ends).toEqual([[3, null]])
    })

    test('while a generation starts: the restart follows, since that one may have read older code', async () => {
      const keeper = await waiting()
      system.advance(1500)
      await turn()
      const restart = keeper.ask('restart')
      system.newest.says({ type: 'charge', generation: 3 })
      await turn()
      expect(system.newest.sent.at(-1)?.message).toMatchObject({ type: 'ask', what: 'restart' })
      await answer(system.newest, { generation: 4 })
      await expect(restart).resolves.toMatchObject({ result: { generation: 4 } })
    })

    test('fails a requested restart if the generation crashes before it is ready', async () => {
      const keeper = await waiting()
      const restart = keeper.ask('restart')
      await turn()
      system.newest.says({ type: 'charge', generation: 3 })
      await turn()
      system.newest.ends(1)
      await expect(restart).resolves.toMatchObject({ error: { code: 'ERR_ZERODROP_SUCCESSOR_EXITED' } })
    })

    test('a request that is given up waits for nothing', async () => {
      const keeper = await waiting()
      const abort = new AbortController()
      const restart = keeper.ask('restart', abort.signal)
      abort.abort()
      await expect(restart).resolves.toMatchObject({ error: { code: 'ERR_ZERODROP_SUCCESSOR_EXITED' } })
    })
  })

  test('of a generation that the keeper stopped counts as its exit', async () => {
    const { first } = await serving({ respawn: true })
    system.deliver('SIGTERM')
    first.ends(1)
    expect(system.ends).toEqual([[1, null]])
  })

  test('of a generation that was asked to stop counts as its exit', async () => {
    const { keeper, first } = await serving({ respawn: true })
    const answer = keeper.ask('stop')
    first.says({ type: 'answer', id: 1, result: {} })
    await answer
    first.ends(1)
    system.advance(0)
    await turn()
    expect(system.ends).toEqual([[1, null]])
    expect(system.spawned).toHaveLength(1)
  })

  test('is not assumed for an exit with status 0', async () => {
    const { first } = await serving({ respawn: true })
    first.ends(0)
    expect(system.ends).toEqual([[0, null]])
  })
})

describe('a question', () => {
  test('goes to the serving generation, and its answer comes back', async () => {
    const { keeper, first } = await serving()
    const answer = keeper.ask('status')
    expect(first.sent.at(-1)?.message).toMatchObject({ type: 'ask', id: 1, what: 'status' })
    first.says({ type: 'answer', id: 1, result: { state: 'serving' } })
    await expect(answer).resolves.toMatchObject({ result: { state: 'serving' } })
  })

  test('while no generation serves is refused', async () => {
    const { keeper } = await run()
    await expect(keeper.ask('restart')).rejects.toMatchObject({ code: 'ERR_ZERODROP_NOT_SERVING' })
  })

  test('to a generation that exits without answering is refused', async () => {
    const { keeper, first } = await serving()
    const answer = keeper.ask('restart')
    first.ends(1)
    await expect(answer).rejects.toMatchObject({ code: 'ERR_ZERODROP_NOT_SERVING' })
  })
})

test.each([undefined, null, 3, 'charge', {}, { zerodropKeeper: 2, type: 'charge', generation: 2 }])(
  'what is no message of this protocol is ignored: %j',
  async (value) => {
    const { first } = await run()
    first.says(value as object)
    system.deliver('SIGHUP')
    expect(first.kills).toEqual([])
  },
)
