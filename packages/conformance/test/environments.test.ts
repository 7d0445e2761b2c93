import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConnectionRefused, leftovers } from '@zerodrop/traffic'
import { gatedServer, startHosted } from './support/hosted-app.ts'
import { describePosix } from './support/site.ts'

const [major] = process.versions.node.split('.')

const undo = leftovers()
afterEach(() => undo.disposeAll())

// A terminal is made by Python, which most machines have: Node cannot.
const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0
const describeTerminal = hasPython ? describePosix : describe.skip
const terminal = [
  'python3',
  path.join(__dirname, '../fixtures/signals/terminal.py'),
  process.execPath,
  gatedServer,
]

describeTerminal('a terminal (needs python3)', () => {
  test('that is closed stops the process: in-flight requests are answered, nothing restarts, nothing fails', async () => {
    const { host, gates, heard, connect } = await startHosted(undo, terminal)
    const [client, idle] = [await connect(), await connect()]
    await idle.request()
    const answer = client.request({ path: '/hold' })
    const visit = await gates.visit()
    host.stdin!.write('close')
    // The first thing that happens is the drain, not a restart.
    await expect(gates.visit()).resolves.toMatchObject({ name: 'draining: SIGHUP' })
    // Nobody will come back to it.
    await expect(idle.ended).resolves.toBe('fin')
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    // Node before 24.1 would abort at process.exit(), so there the signal ends it.
    await expect(heard('ended')).resolves.toMatchObject({ status: Number(major) >= 24 ? 0 : -1 })
    await expect(connect()).rejects.toThrow(ConnectionRefused)
  })

  test('that stays open does not affect a SIGHUP from another sender', async () => {
    const { gates, connect } = await startHosted(undo, terminal)
    const client = await connect()
    const { pid } = JSON.parse((await client.request()).body.toString()) as { pid: number }
    process.kill(pid, 'SIGHUP')
    await expect(gates.visit()).resolves.toMatchObject({ name: 'restarting', pid })
  })
})

/** What a container makes of a process: number 1 of a name space of its own. Needs the right to make one. */
const container = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const hasContainer = spawnSync(container[0]!, [...container.slice(1), 'true']).status === 0
const describeContainer = hasContainer ? describePosix : describe.skip

describeContainer('number 1 of a container (needs unshare)', () => {
  test('drains at SIGTERM', async () => {
    const { host, gates, connect, serverPid } = await startHosted(undo, [
      ...container,
      process.execPath,
      gatedServer,
    ])
    const client = await connect()
    const answer = client.request({ path: '/hold' })
    const visit = await gates.visit()
    process.kill(serverPid(), 'SIGTERM')
    await expect(gates.visit()).resolves.toMatchObject({ name: 'draining: SIGTERM', pid: 1 })
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(once(host, 'exit')).resolves.toEqual([0, null])
  })

  test('does not restart if it may not keep its pid, because its successor would end with it', async () => {
    const { connect, heard, serverPid } = await startHosted(
      undo,
      [...container, process.execPath, gatedServer],
      { options: { keepPid: false } },
    )
    process.kill(serverPid(), 'SIGHUP')
    await expect(heard('restart-failed')).resolves.toMatchObject({ code: 'ERR_ZERODROP_SUPERVISED' })
    const client = await connect()
    await expect(client.request()).resolves.toMatchObject({ status: 200, closes: false })
  })
})

describePosix('pm2, played by the test', () => {
  /** As pm2 starts an application that is in its list. */
  const listed = { pm_id: '0', pm_exec_path: gatedServer }
  const start = (env: NodeJS.ProcessEnv) =>
    startHosted(undo, [process.execPath, gatedServer], { ipc: true, env, options: { lingerTimeout: 0 } })

  test("gets the message 'ready', and its message 'shutdown' drains", async () => {
    const { host, gates, connect } = await start(listed)
    await expect(once(host, 'message')).resolves.toContain('ready')
    const client = await connect()
    const answer = client.request({ path: '/hold' })
    const visit = await gates.visit()
    host.send('shutdown')
    await expect(gates.visit()).resolves.toMatchObject({ name: "draining: pm2's message 'shutdown'" })
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(once(host, 'exit')).resolves.toEqual([0, null])
  })

  test('restarts the process itself: a signal does not', async () => {
    const { host, heard } = await start(listed)
    host.kill('SIGHUP')
    await expect(heard('restart-failed')).resolves.toMatchObject({ code: 'ERR_ZERODROP_SUPERVISED' })
  })

  test.each([
    ['another parent with a channel', {}],
    ['a process of an application of pm2', { ...listed, pm_exec_path: '/srv/app.js' }],
  ])('%s gets no message, and its own messages go to the application', async (_name, env) => {
    const { host, gates } = await start(env)
    const messages: unknown[] = []
    host.on('message', (message) => messages.push(message))
    host.send('shutdown')
    host.kill('SIGTERM')
    await expect(gates.visit()).resolves.toMatchObject({ name: 'draining: SIGTERM' })
    await expect(once(host, 'exit')).resolves.toEqual([0, null])
    expect(messages).toEqual([])
  })
})

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(made, { recursive: true }))
  return made
}

describePosix('what starts a server in development', () => {
  test('node --watch: a change restarts at once, although clients are connected', async () => {
    const entry = path.join(folder(), 'entry.mjs')
    const write = (text: string) => writeFileSync(entry, `import ${JSON.stringify(gatedServer)} // ${text}\n`)
    write('one')
    const { connect, heard } = await startHosted(undo, [process.execPath, '--watch', entry])
    const client = await connect()
    await client.request()
    const begun = performance.now()
    write('two')
    await expect(client.ended).resolves.toBe('fin')
    await heard('listening')
    // Not the 20 seconds for which this connection lingers at a stop.
    expect(performance.now() - begun).toBeLessThan(10_000)
  })

  test('npm start: SIGTERM to npm drains the server, if no shell stands between them', async () => {
    const cwd = folder()
    const scripts = { start: `exec "${process.execPath}" "${gatedServer}"` }
    writeFileSync(path.join(cwd, 'package.json'), JSON.stringify({ name: 'app', scripts }))
    const { host, gates, connect } = await startHosted(undo, ['npm', 'start'], { cwd })
    const client = await connect()
    const answer = client.request({ path: '/hold' })
    const visit = await gates.visit()
    host.kill('SIGTERM')
    await expect(gates.visit()).resolves.toMatchObject({ name: 'draining: SIGTERM' })
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(once(host, 'exit')).resolves.toEqual([0, null])
  })
})

// Elsewhere a process does not see which others it comes from.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

describeLinux('nodemon, played by the test', () => {
  test.each(['fork', 'shell'])(
    '%s: its SIGUSR2 stops at once, and the next request is served by the restarted program',
    async (how) => {
      const nodemon = path.join(folder(), 'nodemon')
      copyFileSync(path.join(__dirname, '../fixtures/signals/nodemon.mjs'), `${nodemon}.mjs`)
      symlinkSync(`${nodemon}.mjs`, nodemon)
      const { host, gates, connect, heard } = await startHosted(undo, [
        process.execPath,
        nodemon,
        how,
        gatedServer,
      ])
      const [client, idle] = [await connect(), await connect()]
      const { pid } = JSON.parse((await idle.request()).body.toString()) as { pid: number }
      const answer = client.request({ path: '/hold' })
      const visit = await gates.visit()
      host.stdin!.write(`${pid}\n`)
      await expect(gates.visit()).resolves.toMatchObject({ name: 'draining: SIGUSR2', pid })
      // It does not linger, and the second SIGUSR2 cuts nothing.
      await expect(idle.ended).resolves.toBe('fin')
      visit.open()
      await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
      await heard('listening')
      const again = JSON.parse((await (await connect()).request()).body.toString()) as object
      expect(again).toMatchObject({ generation: 1 })
    },
  )
})
