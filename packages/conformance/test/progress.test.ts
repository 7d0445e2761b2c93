import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, leftovers, RawClient, Watchers } from '@zerodrop/traffic'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// A terminal is made by Python, which most machines have: Node cannot.
const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0
const describeTerminal = hasPython ? describePosix : describe.skip

const fixture = path.join(__dirname, '../fixtures/protocols/terminal.mjs')
const inTerminal = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)'
const controlC = '\u0003'
const escape = '\u001B'
const withoutPackage = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module'
  const hooks = 'export function resolve(name, context, next) { if (name === "yocto-spinner") throw new Error("not installed"); return next(name, context) }'
  register('data:text/javascript,' + encodeURIComponent(hooks))
`)}`

/** A server that a person has started, and what that person has seen. */
class Terminal {
  readonly child: ChildProcess
  readonly exited: Promise<unknown[]>
  output = ''
  readonly #watchers: Watchers = new Watchers(() => JSON.stringify(this.output))

  constructor(
    env: Record<string, string | undefined>,
    { terminal = true, execArgv = [] as string[], port = 0 } = {},
  ) {
    const command = [process.execPath, ...execArgv, fixture, '20000', String(port)]
    const [file = '', ...args] = terminal ? ['python3', '-c', inTerminal, ...command] : command
    const clean = {
      NODE_ENV: undefined,
      NODE_OPTIONS: undefined,
      CI: undefined,
      NO_COLOR: undefined,
      TERM: 'xterm',
    }
    this.child = spawn(file, args, { env: { ...process.env, ...clean, ...env }, stdio: 'pipe' })
    undo.add(async () => {
      this.child.kill('SIGKILL')
      // A terminal that closes is a SIGHUP, by which they would only restart.
      const [leader, ...others] = this.pids
      // The kernel sends SIGHUP to the successor of a session leader that ends: by now there may be another generation.
      if (leader !== undefined && terminal) kill(-leader)
      for (const pid of [leader, ...others]) if (pid !== undefined) kill(pid)
      await this.exited
      this.child.stdout?.destroy()
      this.child.stderr?.destroy()
    })
    this.exited = once(this.child, 'exit')
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
        this.#watchers.poll()
      })
    }
  }

  /** Every generation, in order. */
  get pids(): number[] {
    return [...this.output.matchAll(/^pid (\d+)\r?$/gm)].map(([, pid]) => Number(pid))
  }

  /** Resolves with what matches, once it is on the screen. */
  see(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#watchers.until(String(pattern), () => pattern.exec(this.output) ?? undefined, 10_000)
  }

  async connect(): Promise<RawClient> {
    const [, port] = await this.see(/(\d+)\r?\n/)
    const client = await RawClient.connect({ port: Number(port) })
    undo.add(() => client.destroy())
    return client
  }

  /** Sends a request without its last byte, and a request behind it on another connection has been answered. */
  async hold(): Promise<RawClient> {
    const client = await this.connect()
    client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1')
    const other = await this.connect()
    await other.request()
    await other.close()
    return client
  }

  type(text: string): void {
    this.child.stdin?.write(text)
  }
}

describeTerminal('on a terminal (needs python3)', () => {
  test('a drain shows what it waits for, and leaves only its summary', async () => {
    const terminal = new Terminal({})
    const client = await terminal.hold()
    terminal.type(controlC)
    const [, left] = await terminal.see(/draining: 1 connection \(1 receiving\), 1 in flight, (\d+) s left/)
    expect(Number(left)).toBeLessThanOrEqual(10)
    // On a busy machine the line may skip a second.
    const fewer = Array.from({ length: Number(left) }, (_, seconds) => seconds).join('|')
    await terminal.see(new RegExp(`draining: [^\\n]*, (${fewer}) s left`))
    client.write('2')
    await expect(client.nextResponse()).resolves.toMatchObject({ status: 200 })
    await expect(terminal.exited).resolves.toEqual([0, null])
    const [, after = ''] = terminal.output.split(/s left(?!.*s left)/s)
    expect(after).toContain(`${escape}[?25h`)
    expect(after).toMatch(
      /\[zerodrop\] pid \d+: drained in \d+ ms: 1 finished, 0 served meanwhile, 0 cut\r\n$/,
    )
  })

  test("a second Ctrl-C is zerodrop's while the line is there, and reports the cut requests", async () => {
    const terminal = new Terminal({})
    await terminal.hold()
    terminal.type(controlC)
    await terminal.see(/draining: /)
    await terminal.see(/forceable/)
    terminal.type(controlC)
    await expect(terminal.exited).resolves.toEqual([130, null])
    expect(terminal.output).toMatch(/cut by a signal: POST \/ from .* \(receiving,/)
    expect(terminal.output.lastIndexOf(`${escape}[?25h`)).toBeGreaterThan(
      terminal.output.lastIndexOf(`${escape}[?25l`),
    )
  })

  test('a restart shows what the old process still has', async () => {
    const terminal = new Terminal({}, { port: await freePort() })
    const client = await terminal.hold()
    process.kill(terminal.pids[0]!, 'SIGHUP')
    await terminal.see(/handing over: 1 connection \(1 receiving\), 1 in flight, \d+ s left/)
    client.write('2')
    await expect(client.nextResponse()).resolves.toMatchObject({ status: 200 })
    expect(terminal.pids).toHaveLength(2)
  })

  test('Ctrl-C with nothing in flight ends at once, and shows no line', async () => {
    const end = async (): Promise<Terminal> => {
      const terminal = new Terminal({})
      const client = await terminal.connect()
      await client.request()
      terminal.type(controlC)
      await expect(terminal.exited).resolves.toEqual([0, null])
      return terminal
    }
    // One that this test holds up, by being late with its own FIN, rightly shows what it waits for.
    const isQuick = ({ output }: Terminal): boolean => Number(/drained in (\d+) ms/.exec(output)?.[1]) < 300
    let terminal = await end()
    for (let tries = 1; tries < 10 && !isQuick(terminal); tries += 1) terminal = await end()
    expect([isQuick(terminal), terminal.output.includes(escape)]).toEqual([true, false])
  })

  test.each([
    ['with NO_COLOR', { NO_COLOR: '1' }, {}],
    ['with CI', { CI: 'true' }, {}],
    ['on a terminal that cannot', { TERM: 'dumb' }, {}],
    ['without the package', {}, { execArgv: ['--import', withoutPackage] }],
    ['where there is no terminal', {}, { terminal: false }],
  ])('%s there is none, and the drain is the same', async (_name, env, options) => {
    const terminal = new Terminal(env, options)
    const client = await terminal.hold()
    if ('terminal' in options) terminal.child.kill('SIGINT')
    else terminal.type(controlC)
    // It would be there by then.
    await delay(800)
    client.write('2')
    await expect(client.nextResponse()).resolves.toMatchObject({ status: 200 })
    await expect(terminal.exited).resolves.toEqual([0, null])
    expect(terminal.output).not.toContain(escape)
    expect(terminal.output).toMatch(/drained in \d+ ms: 1 finished, 0 served meanwhile, 0 cut/)
  })
})

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone by itself.
  }
}
