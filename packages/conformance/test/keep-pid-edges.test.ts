import { cpSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { ConnectionRefused, leftovers, RawClient } from '@zerodrop/traffic'
import { lookUp } from '../src/process-table.ts'
import { canReplaceProgram, type KeepPidHost, server, startKeepPid } from './support/keep-pid-host.ts'
import { canIsolate, hasPython, type Host, isolated, terminal } from './support/keep-pid-hosts.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const plain = [process.execPath, server]
const patient = { drainTimeout: 20_000, lingerTimeout: 0 }

const describeKept = canReplaceProgram ? describe : describe.skip
const describeTerminal = canReplaceProgram && hasPython ? describe : describe.skip
const describeContainer = canReplaceProgram && canIsolate ? describe : describe.skip

/** Begins a restart that a held request keeps from ending, and resolves when the successor has taken over. */
async function handingOver(kept: KeepPidHost, url = '/hold'): Promise<{ answer: Promise<unknown> }> {
  const client = await RawClient.connect({ port: kept.port })
  undo.add(() => client.destroy())
  const answer = client.request({ path: url })
  // Behind it, so that it has arrived.
  await kept.get()
  kept.deploy('2')
  kept.signal('SIGHUP')
  await kept.heard(({ event }) => event === 'handing over')
  return { answer }
}

describeKept('a process that keeps its pid', () => {
  test('with keepPid: true keeps its pid although no other program relies on it', async () => {
    const kept = await startKeepPid(undo, plain, { options: { keepPid: true } })
    await kept.restart('2')
    await kept.restart('3')
    expect(await kept.get()).toMatchObject({ version: '3', generation: 3 })
    expect(await kept.isSame()).toBe(true)
    kept.signal('SIGTERM')
    expect(await kept.ended).toEqual([0, null])
  })

  test('does not otherwise', async () => {
    const kept = await startKeepPid(undo, plain)
    kept.deploy('2')
    kept.signal('SIGHUP')
    expect(await kept.ended).toEqual([0, null])
    expect(await kept.get()).toMatchObject({ version: '2', generation: 2 })
  })

  test('passes a stop on that comes while it hands over', async () => {
    const kept = await startKeepPid(undo, plain, { options: { ...patient, keepPid: true } })
    const { answer } = await handingOver(kept)
    kept.signal('SIGTERM')
    await kept.heard(({ event, version }) => event === 'draining' && version === '2')
    kept.release()
    await expect(answer).resolves.toMatchObject({ status: 200 })
    expect(await kept.ended).toEqual([0, null])
    await expect(kept.get()).rejects.toThrow(ConnectionRefused)
  })

  test('restarts once more if a restart is requested during the handover', async () => {
    const kept = await startKeepPid(undo, plain, { options: { ...patient, keepPid: true } })
    const { answer } = await handingOver(kept)
    kept.deploy('3')
    kept.signal('SIGHUP')
    await kept.heardOnStderr(/asked to restart again/)
    kept.release()
    await expect(answer).resolves.toMatchObject({ status: 200 })
    await kept.heard(({ event, version }) => event === 'exit listener' && version === '2')
    expect(await kept.get()).toMatchObject({ version: '3', generation: 3 })
    expect(await kept.isSame()).toBe(true)
  })

  test.each([
    ['an uncaught error', 'throw', /thrown in a drain/],
    ['process.exit()', 'exit', /ERR_ZERODROP_DRAIN_INTERRUPTED/],
    ["an error in a listener of 'exit'", 'throw-at-exit', /thrown at the exit/],
  ])('becomes the keeper also if %s ends it in its drain', async (_name, then, said) => {
    const kept = await startKeepPid(undo, plain, { options: { ...patient, keepPid: true } })
    const { answer } = await handingOver(kept, `/hold?then=${then}`)
    answer.catch(() => {})
    kept.release()
    await kept.heardOnStderr(said)
    await kept.heard(({ event }) => event === 'keeper')
    expect(await kept.get()).toMatchObject({ version: '2' })
    expect(await kept.isSame()).toBe(true)
  })

  test('and is killed during its drain leaves a successor that keeps serving, and reports it', async () => {
    const kept = await startKeepPid(undo, plain, { options: { ...patient, keepPid: true } })
    const { answer } = await handingOver(kept)
    answer.catch(() => {})
    kept.signal('SIGKILL')
    expect(await kept.ended).toEqual([null, 'SIGKILL'])
    await kept.heardOnStderr(/did not become the keeper: nobody holds pid \d+ any more/)
    expect(await kept.get()).toMatchObject({ version: '2' })
    const { pid } = await kept.get()
    process.kill(pid as number, 'SIGTERM')
    await kept.heard((line) => line.event === 'exit listener' && line.pid === pid)
  })

  test('and is killed as the keeper leaves no process behind', async () => {
    const kept = await startKeepPid(undo, plain, { options: { keepPid: true } })
    await kept.restart('2')
    const { pid } = await kept.get()
    kept.signal('SIGKILL')
    expect(await kept.ended).toEqual([null, 'SIGKILL'])
    await kept.heard((line) => line.event === 'exit listener' && line.pid === pid)
  })

  test('and is killed as the keeper leaves a server that serves on, with onKeeperDeath: serve', async () => {
    const kept = await startKeepPid(undo, plain, { options: { keepPid: true, onKeeperDeath: 'serve' } })
    await kept.restart('2')
    const { pid } = (await kept.get()) as { pid: number }
    kept.signal('SIGKILL')
    expect(await kept.ended).toEqual([null, 'SIGKILL'])
    await kept.heardOnStderr(/the keeper \(pid \d+\) has died: this process serves on without it/)
    expect(await kept.get()).toMatchObject({ version: '2', pid })
    // Its own pid is the one to keep from now on.
    kept.deploy('3')
    process.kill(pid, 'SIGHUP')
    await kept.heard(({ event, version }) => event === 'keeper' && version === '3')
    expect(await kept.get()).toMatchObject({ version: '3', generation: 3 })
    process.kill(pid, 'SIGTERM')
    await kept.heard(({ event, version }) => event === 'exit listener' && version === '3')
    expect(kept.stderr.match(/has died/g)).toHaveLength(1)
  })

  test('keeps NODE_OPTIONS for the application, and its own variables from it', async () => {
    const env = { NODE_OPTIONS: '--max-http-header-size=20000 --no-deprecation' }
    const kept = await startKeepPid(undo, plain, { options: { keepPid: true }, env })
    for (const version of ['2', '3']) {
      await kept.restart(version)
      const { argv, ...variables } = await kept.get('/self')
      expect(argv).toEqual([])
      expect(variables).toMatchObject(env)
      const ours = Object.keys(variables).filter((name) => /^ZERODROP_(?!TEST)/.test(name))
      expect(ours).toEqual([])
    }
  })
})

/** Copies the server and the package it uses into a folder of their own, to which `current` leads from now on. */
function release(folder: string, name: string): void {
  const made = path.join(folder, name)
  cpSync(server, path.join(made, 'server.mjs'))
  const core = path.join(__dirname, '../../core')
  for (const each of ['dist', 'package.json'])
    cpSync(path.join(core, each), path.join(made, 'node_modules/@zerodrop/core', each), { recursive: true })
  rmSync(path.join(folder, 'next'), { force: true })
  symlinkSync(name, path.join(folder, 'next'))
  renameSync(path.join(folder, 'next'), path.join(folder, 'current'))
}

describeContainer('releases behind a symlink (needs unshare)', () => {
  test.each([
    ['a shell', []],
    ['number 1 of a container', isolated],
  ])('%s: each restart takes the newest, and the ones before can be removed', async (_name, below) => {
    let folder = ''
    const wrap: Host['wrap'] = (program) => {
      folder = program.folder
      release(folder, '1')
      return [...below, '/bin/sh', '-c', `cd "${folder}/current" && exec '${process.execPath}' server.mjs`]
    }
    const kept = await startKeepPid(undo, { wrap }, { options: { keepPid: true } })
    for (const version of ['2', '3', '4']) {
      release(folder, version)
      await kept.restart(version)
      expect(await kept.get('/where')).toEqual({ file: path.join(folder, version, 'server.mjs') })
      rmSync(path.join(folder, String(Number(version) - 1)), { recursive: true })
    }
    expect(await kept.isSame()).toBe(true)
    expect(await kept.stop()).toEqual([0, null])
  })
})

describeTerminal('a process that keeps its pid (needs python3)', () => {
  test('at a terminal leaves its input to the application, Ctrl-C too', async () => {
    const kept = await startKeepPid(undo, [...terminal, ...plain], { env: { ZERODROP_TEST_STDIN: '1' } })
    await kept.restart('2')
    await kept.restart('3')
    const { pid } = await kept.get()
    kept.host.stdin!.write('hello\n')
    await kept.heard(({ event, text }) => event === 'stdin' && text === 'hello\n')
    kept.host.stdin!.write('\x03')
    await kept.heard((line) => line.event === 'exit' && line.pid === pid)
    expect(await kept.ended).toEqual([0, null])
  })
})

describePosix('a pipe on stdin', () => {
  test.each(canReplaceProgram ? (['lazy keeper', 'zerodrop run'] as const) : (['zerodrop run'] as const))(
    'is read by the serving generation: %s',
    async (way) => {
      const kept = await startKeepPid(
        undo,
        { wrap: ({ words }) => words },
        { way, options: { keepPid: true }, env: { ZERODROP_TEST_STDIN: '1' } },
      )
      for (const version of ['1', '2', '3']) {
        if (version !== '1') await kept.restart(version)
        kept.host.stdin!.write(`for ${version}\n`)
        await kept.heard(
          (line) => line.event === 'stdin' && line.version === version && line.text === `for ${version}\n`,
        )
      }
      expect(await kept.stop()).toEqual([0, null])
    },
  )
})

const describeAnyTerminal = hasPython ? describePosix : describe.skip

describeAnyTerminal('a process that leads the session of its terminal (needs python3)', () => {
  test('and does not keep its pid is not restarted once more by its own end', async () => {
    const kept = await startKeepPid(undo, [...terminal, ...plain], { options: { keepPid: false } })
    kept.deploy('2')
    kept.signal('SIGHUP')
    await kept.heardOnStderr(/the kernel sent SIGHUP at the predecessor's end.*no restart/)
    const { pid } = await kept.get()
    kept.deploy('3')
    process.kill(pid as number, 'SIGHUP')
    await kept.heard((line) => line.event === 'exit listener' && line.pid === pid)
    expect(await kept.get()).toMatchObject({ version: '3', generation: 3 })
  })
})

describeContainer('a process that must not keep its pid (needs unshare)', () => {
  test('is refused a restart with keepPid: false as number 1 of a container', async () => {
    const kept = await startKeepPid(undo, [...isolated, ...plain], { options: { keepPid: false } })
    kept.signal('SIGHUP')
    await kept.heardOnStderr(/ERR_ZERODROP_SUPERVISED.*number 1.*"keepPid" is false.*zerodrop run/)
    expect(await kept.get()).toMatchObject({ version: '1' })
    expect(lookUp(kept.pid)).toBeDefined()
  })
})

const describeOlder = canReplaceProgram ? describe.skip : describePosix

describeOlder('a Node that cannot replace the program of a process', () => {
  test('refuses a restart with keepPid: true, and serves on', async () => {
    const kept = await startKeepPid(undo, plain, { options: { keepPid: true } })
    kept.signal('SIGHUP')
    await kept.heardOnStderr(/ERR_ZERODROP_KEEPER_UNAVAILABLE.*Node v\S+ cannot replace the program/)
    expect(await kept.get()).toMatchObject({ version: '1' })
  })
})
