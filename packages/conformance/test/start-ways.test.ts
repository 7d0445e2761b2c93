import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePort, leftovers } from '@zerodrop/traffic'
import { type Facts, factsServer, Program, type ProgramOptions } from './support/program.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// What a process was given can be compared on Linux only: elsewhere nothing tells it.
const describeLinux = process.platform === 'linux' ? describe : describe.skip
const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]
const node = process.execPath
const server = JSON.stringify(factsServer)
const early = path.join(__dirname, '../fixtures/start/early.cjs')

function folder(): string {
  const made = realpathSync(mkdtempSync(path.join(tmpdir(), 'zerodrop-')))
  undo.add(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** A file of its own whose program is the server. */
function write(file: string, text = `require(${server})`, mode = 0o644): string {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

/** What has to be the same in every generation. */
function comparable({ pid: _pid, generation: _generation, ...facts }: Facts): object {
  return facts
}

/** Starts a program, restarts it twice, and expects three generations that were started alike. */
async function expectTheSame(command: readonly string[], options?: ProgramOptions): Promise<Facts> {
  const program = await Program.start(undo, command, options)
  const first = await program.next()
  const second = await program.restart()
  const third = await program.restart()
  expect([first.generation, second.generation, third.generation]).toEqual([1, 2, 3])
  expect(comparable(second)).toEqual(comparable(first))
  expect(comparable(third)).toEqual(comparable(first))
  return first
}

describeLinux('a restart starts the program as it was started', () => {
  test.each<[string, string[]]>([
    ['a script', [factsServer]],
    ['a script and arguments', [factsServer, '--port', '', 'two words', '-x', '--']],
    ['a script behind --', ['--', factsServer, 'a']],
    ['options before the script', ['--max-http-header-size=20000', '--title', 'facts', factsServer]],
    ['-e', ['-e', `require(${server})`]],
    ['-e and arguments', ['-e', `require(${server})`, 'a', 'b']],
    ['-e and arguments behind --', ['-e', `require(${server})`, '--', '--flag', '-x']],
    [
      '-e and arguments behind --, with a title',
      ['--title=x', '-e', `require(${server})`, '--', '--flag', '-x'],
    ],
    ['--eval=', [`--eval=require(${server})`, 'a']],
    ['-p', ['-p', `require(${server}), 0`]],
    ['-pe and an argument', ['-pe', `require(${server}), 0`, 'a']],
    ['an ES module in --eval', ['--input-type=module', '--eval', `await import(${server})`, 'a']],
    ['--title', ['--title=facts', factsServer, 'a']],
    ['V8 options', ['--expose-gc', '--max_old_space_size=200', '--stack-trace-limit=20', factsServer]],
    ['--conditions', ['-C', 'one', '--conditions', 'two', factsServer]],
    ['-r', ['-r', early, factsServer]],
    ['--import', ['--import', pathToFileURL(early).href, factsServer]],
    ['--require and --import', ['--require', early, `--import=${early}`, '--', factsServer]],
    ['--cpu-prof', ['--cpu-prof', `--cpu-prof-dir=${path.join(tmpdir(), 'zerodrop-profiles')}`, factsServer]],
    ['--preserve-symlinks', ['--preserve-symlinks', '--preserve-symlinks-main', factsServer]],
    ['--frozen-intrinsics', ['--frozen-intrinsics', '--disable-proto=delete', '--no-warnings', factsServer]],
    ['--enable-source-maps', ['--enable-source-maps', '--trace-warnings', factsServer]],
  ])('%s', async (_name, args) => {
    await expectTheSame([node, ...args])
  })

  const hasPermissions = major >= 24 || (major === 22 && minor >= 13) ? test : test.skip
  hasPermissions('--permission, without the right to read /proc', async () => {
    const allowed = ['--allow-fs-read=/usr', `--allow-fs-read=${path.join(__dirname, '../../..')}`]
    const permissions = ['--permission', ...allowed, '--allow-child-process', '--allow-worker']
    const network = major >= 25 ? ['--allow-net'] : []
    await expectTheSame([node, '--no-warnings', ...permissions, ...network, factsServer])
  })

  test('a script without its extension', async () => {
    const file = write(path.join(folder(), 'server.js'))
    const { argv } = await expectTheSame([node, file.replace(/\.js$/, ''), 'a'])
    expect(argv).toEqual([file.replace(/\.js$/, ''), 'a'])
  })

  test('a folder as the script', async () => {
    const at = folder()
    write(path.join(at, 'app/index.js'))
    await expectTheSame([node, 'app', 'a'], { cwd: at })
  })

  test('a script by a relative path', async () => {
    const cwd = folder()
    write(path.join(cwd, 'lib/server.js'))
    await expectTheSame([node, './lib/../lib/server.js', 'a'], { cwd })
  })

  test('a program of a package, by its first line and through a symlink, as npx runs it', async () => {
    const cwd = folder()
    write(path.join(cwd, 'node_modules/app/cli.js'), `#!/usr/bin/env node\nrequire(${server})`, 0o755)
    mkdirSync(path.join(cwd, 'node_modules/.bin'))
    symlinkSync('../app/cli.js', path.join(cwd, 'node_modules/.bin/app'))
    const PATH = `${path.dirname(node)}:${process.env['PATH']}`
    await expectTheSame(['node_modules/.bin/app', '-x'], { cwd, env: { PATH } })
  })

  test('a program that is called by another name', async () => {
    const { argv0 } = await expectTheSame([node, factsServer], { argv0: 'my server' })
    expect(argv0).toBe('my server')
  })

  test('a loader that changes process.argv and process.execArgv, and runs the script itself', async () => {
    const cwd = folder()
    write(path.join(cwd, 'server.js'))
    write(
      path.join(cwd, 'loader.js'),
      `const [node, , script, ...args] = process.argv
      process.argv = [node, require('node:path').resolve(script), ...args]
      process.execArgv.push('-r', 'loader')
      require('node:module').runMain()`,
    )
    const { argv } = await expectTheSame([node, '--no-warnings', 'loader.js', 'server.js', 'a'], { cwd })
    expect(argv).toEqual([path.join(cwd, 'server.js'), 'a'])
  })

  test.each([
    ['PWD is right', true],
    ['PWD is out of date', false],
  ])(
    'an application that changes its directory before it imports zerodrop, where %s',
    async (_which, right) => {
      const cwd = folder()
      mkdirSync(path.join(cwd, 'data/data'), { recursive: true })
      write(path.join(cwd, 'server.js'), `process.chdir('data'); require(${server})`)
      const env = { PWD: right ? cwd : tmpdir() }
      const facts = await expectTheSame([node, 'server.js'], { cwd, env })
      expect(facts.cwd).toBe(path.join(cwd, 'data'))
    },
  )

  test('a directory that was renamed in the meantime', async () => {
    const at = folder()
    const cwd = path.join(at, 'old')
    write(path.join(cwd, 'server.js'))
    const program = await Program.start(undo, [node, 'server.js'], { cwd, env: { PWD: cwd } })
    await program.next()
    renameSync(cwd, path.join(at, 'new'))
    await expect(program.restart()).resolves.toMatchObject({ generation: 2, cwd: path.join(at, 'new') })
  })

  test('a directory that was removed in the meantime: the restart fails with the reason', async () => {
    const cwd = folder()
    write(path.join(cwd, 'server.js'))
    const program = await Program.start(undo, [node, 'server.js'], { cwd })
    await program.next()
    rmSync(cwd, { recursive: true })
    await expect(program.restart()).rejects.toThrow(`Check that ${node} and the directory ${cwd} exist`)
  })

  test.each<[string, string]>([
    ['-r', `-r ${early}`],
    ['--require= and --import', `--import ${early} --require=${early}`],
    ['quotes and backslashes', `--title="a \\"b" --require "${early}"  --no-warnings`],
    ['nothing that runs', '--no-warnings --max-http-header-size=20000'],
  ])('NODE_OPTIONS with %s', async (_which, NODE_OPTIONS) => {
    const facts = await expectTheSame([node, '-r', early, factsServer], { env: { NODE_OPTIONS } })
    expect(facts.env['NODE_OPTIONS']).toBe(NODE_OPTIONS)
  })

  test.each([
    ['on the command line', true],
    ['in NODE_OPTIONS', false],
  ])(
    '--inspect, %s: the successor opens the port when its predecessor no longer has it',
    async (_where, typed) => {
      const port = await freePort()
      const option = `--inspect=127.0.0.1:${port}`
      const command = [node, ...(typed ? [option] : []), factsServer]
      const program = await Program.start(undo, command, { env: typed ? {} : { NODE_OPTIONS: option } })
      const opened = (): number =>
        program.stderr.split(`Debugger listening on ws://127.0.0.1:${port}/`).length - 1
      const first = await program.next()
      for (const generations of [2, 3]) {
        expect(comparable(await program.restart())).toEqual(comparable(first))
        while (opened() < generations) await once(program.child.stderr!, 'data')
      }
      expect(opened()).toBe(3)
    },
  )

  test('a file of environment variables: read again, and shown as it is', async () => {
    const file = write(path.join(folder(), '.env'), 'FACTS_SETTING=1\n')
    const { env } = await expectTheSame([node, `--env-file=${file}`, factsServer])
    expect(env['FACTS_SETTING']).toBe('1')
  })

  test('under node --test', async () => {
    const file = write(path.join(folder(), 'server.test.js'))
    await expectTheSame([node, file], { env: { NODE_TEST_CONTEXT: undefined } })
  })

  const hasRun = major >= 22 ? test : test.skip
  hasRun('node --run', async () => {
    const cwd = folder()
    write(path.join(cwd, 'package.json'), JSON.stringify({ scripts: { start: `exec node server.js` } }))
    write(path.join(cwd, 'server.js'))
    const PATH = `${path.dirname(node)}:${process.env['PATH']}`
    await expectTheSame([node, '--run', 'start', '--', '-x'], { cwd, env: { PATH } })
  })

  const stripsTypes = major > 22 || (major === 22 && minor >= 6) ? test : test.skip
  stripsTypes('--experimental-strip-types', async () => {
    const file = write(path.join(folder(), 'server.cts'), `const file: string = ${server}; require(file)`)
    await expectTheSame([node, '--no-warnings', '--experimental-strip-types', file])
  })
})

describeLinux('what others see of a successor', () => {
  test('is one variable more than the first process has, with nothing secret in it', async () => {
    const environ = (pid: number): string[] => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    const program = await Program.start(undo, [node, factsServer])
    const before = environ((await program.next()).pid)
    const after = environ((await program.restart()).pid)
    const more = after.filter((variable) => !before.includes(variable))
    expect(before.filter((variable) => !after.includes(variable))).toEqual([])
    expect(more).toEqual([expect.stringMatching(/^ZERODROP_INHERIT=/)])
    const { listeners, ...rest } = JSON.parse(more[0]!.replace(/^[^=]*=/, '')) as Record<string, unknown>
    const bound = `tcp://127.0.0.1:${program.port}`
    expect(listeners).toEqual([expect.objectContaining({ bound })])
    const known = ['version', 'generation', 'pid', 'channel', 'ticketKeys', 'bootSignals', 'readyTimeout']
    expect(known).toEqual(expect.arrayContaining(Object.keys(rest)))
  })
})

describeLinux('a restart finds the modules of the application', () => {
  test.each(['.cjs', '.mjs'] as const)(
    'through symlinks, as pnpm and workspaces have them (%s)',
    async (extension) => {
      const cwd = folder()
      // As pnpm lays them out: what a package needs lies beside where it really is.
      const store = path.join(cwd, 'node_modules/.store/a/node_modules')
      write(path.join(store, 'a/index.js'), "module.exports = require('b')")
      write(path.join(store, 'b/index.js'), 'module.exports = 1')
      cpSync(path.join(store, 'a'), path.join(store, 'late'), { recursive: true })
      for (const name of ['a', 'late'])
        symlinkSync(`.store/a/node_modules/${name}`, path.join(cwd, 'node_modules', name))
      const load = {
        '.cjs': `require('a'); require(${server}); require('late')`,
        '.mjs': `import 'a'; await import(${server}); await import('late')`,
      }
      write(path.join(cwd, `server${extension}`), load[extension])
      await expectTheSame([node, `server${extension}`], { cwd })
    },
  )
})
