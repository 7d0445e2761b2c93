import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { leftovers } from '@zerodrop/traffic'
import { canReplaceProgram } from './support/keep-pid-host.ts'
import { Program, type ProgramOptions } from './support/program.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

interface Answer {
  type: 'booting' | 'answer'
  n?: number
  length?: number
  pid: number
}

const service = path.join(__dirname, '../fixtures/start/forked.cjs')
const cli = path.join(__dirname, '../../cli/dist/bin.cjs')

/** How a parent starts the service. The channel passes through the keeper, where there is one. */
const ways = {
  'node server.js': { command: () => [service], env: {} },
  'zerodrop run server.js': { command: zerodropRun, env: {} },
  'node server.js, with keepPid': {
    command: () => [service],
    env: { FACTS_OPTIONS: JSON.stringify({ keepPid: true }) },
  },
}
type Way = keyof typeof ways

function zerodropRun(): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  return [cli, 'run', '--control', path.join(folder, 'control.sock'), service]
}

/** A service, and what it has said to its parent, which is this process. */
async function fork(
  way: Way,
  options: ProgramOptions = {},
): Promise<{ program: Program; child: ChildProcess; said: Answer[] }> {
  const { command, env } = ways[way]
  const program = await Program.start(undo, [process.execPath, ...command()], {
    ...options,
    env: { ...env, ...options.env },
    extra: ['ipc'],
  })
  const { child } = program
  const said: Answer[] = []
  child.on('message', (message) => said.push(message as Answer))
  return { program, child, said }
}

/** Sends a message, and resolves with the pid of the process that answers. */
async function ask(child: ChildProcess, n: number): Promise<number> {
  child.send({ n })
  for (;;) {
    const [answer] = (await once(child, 'message')) as [Answer]
    if (answer.n === n) return answer.pid
  }
}

const cases = (
  [
    ['node server.js', 'json'],
    ['node server.js', 'advanced'],
    ['zerodrop run server.js', 'json'],
    ['node server.js, with keepPid', 'advanced'],
  ] as const
).filter(([way]) => way !== 'node server.js, with keepPid' || canReplaceProgram)

describePosix.each(cases)('the channel to the parent of %s (%s)', (way, serialization) => {
  test('belongs to every generation: all may write, and the serving one reads', async () => {
    const { program, child, said } = await fork(way, { serialization })
    const pids: number[] = []
    for (const generation of [1, 2, 3]) {
      const facts = await (generation === 1 ? program.next() : program.restart())
      expect(facts).toMatchObject({ generation, channel: { send: 'function', connected: true } })
      pids.push(facts.pid)
      // A predecessor that has not begun to hand over is still the one that answers.
      for (let n = 0, pid = 0; pid !== facts.pid; n++) {
        pid = await ask(child, generation * 10_000 + n)
        expect(pids.slice(-2)).toContain(pid)
      }
    }
    expect(said.filter(({ type }) => type === 'booting').map(({ pid }) => pid)).toEqual(pids)
    const isKept = way !== 'node server.js'
    expect(child.exitCode === null || !isKept).toBe(true)
  })

  test('loses no message in a restart, and tears none', async () => {
    const { program, child, said } = await fork(way, { serialization })
    const { pid: first } = await program.next()
    // Read in pieces, that end in the middle of a character as well.
    const text = 'x€😀'.repeat(40_000)
    let sent = 0
    let over = false
    const sending = (async () => {
      while (!over) {
        const n = sent++
        await new Promise((resolve) => child.send({ n, text }, resolve))
        await setImmediate()
      }
    })()
    await program.restart()
    const { pid: last } = await program.restart()
    while (!said.some(({ type, pid }) => type === 'answer' && pid === last)) await setImmediate()
    over = true
    await sending
    const answers = () => said.filter(({ type }) => type === 'answer')
    while (answers().length < sent) await once(child, 'message')
    const numbers = answers().map(({ n }) => n!)
    expect(numbers.toSorted((one, other) => one - other)).toEqual(Array.from({ length: sent }, (_, n) => n))
    expect(new Set(answers().map(({ length }) => length))).toEqual(new Set([text.length]))
    expect(answers()[0]!.pid).toBe(first)
    expect(program.stderr).not.toMatch(/Error/)
  })

  test("keeps the parent's messages until the program listens", async () => {
    const { child, said, program } = await fork(way, { serialization })
    child.send({ n: 1 })
    await program.next()
    while (!said.some(({ n }) => n === 1)) await once(child, 'message')
    expect(said.filter(({ n }) => n === 1)).toHaveLength(1)
  })

  test('that the parent closes ends for the generation that serves', async () => {
    const { program, child } = await fork(way, { serialization })
    await program.next()
    await program.restart()
    const { pid } = await program.restart()
    while ((await ask(child, 1)) !== pid);
    child.disconnect()
    await expect(program.ended).resolves.toBeDefined()
  })
})

describePosix.each([...new Set(cases.map(([way]) => way))])(
  'a channel that the program of %s has closed',
  (way) => {
    test('is open in its successor too, without a reader, which closes it as well', async () => {
      const { program, child } = await fork(way, { env: { FACTS_STAYS: '1' } })
      await program.next()
      child.send({})
      await once(child, 'disconnect')
      await expect(program.restart()).resolves.toMatchObject({
        channel: { send: 'function', connected: true },
      })
      await expect(program.restart()).resolves.toMatchObject({
        channel: { send: 'function', connected: true },
      })
      expect(program.stderr).not.toMatch(/Error/)
    })
  },
)
