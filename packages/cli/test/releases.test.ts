import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { type AppProcess, startApp } from '../../conformance/src/app-process.ts'
import { bin } from './support/command.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// The test reads command lines in /proc.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

const packages = path.join(__dirname, '../..')
const modules = path.join(packages, '../node_modules')

const program = (version: string): string => `
const http = require('node:http')
const { lifecycle } = require('@zerodrop/core')
lifecycle.configure({})
http
  .createServer((request, response) => {
    if (request.url === '/crash') process.exit(7)
    response.end(JSON.stringify({ version: '${version}', generation: lifecycle.generation, pid: process.pid }))
  })
  .listen(process.env.PORT, () => console.log(JSON.stringify({ event: 'listening', version: '${version}', pid: process.pid })))
`

/** Releases with their own copy of zerodrop, and a symlink to the current one. */
class Releases {
  readonly #root = mkdtempSync(path.join(tmpdir(), 'zerodrop-releases-'))
  readonly current = path.join(this.#root, 'current')

  constructor() {
    undo.add(() => rmSync(this.#root, { recursive: true, force: true }))
    this.deploy('1')
  }

  /** Makes this release the current one, and removes the one before it. */
  deploy(version: string): void {
    const release = path.join(this.#root, version)
    const installed = path.join(release, 'node_modules')
    mkdirSync(path.join(installed, '.bin'), { recursive: true })
    for (const [name, folder] of [
      ['@zerodrop/core', 'core'],
      ['zerodrop', 'cli'],
    ] as const)
      for (const each of ['dist', 'package.json'])
        cpSync(path.join(packages, folder, each), path.join(installed, name, each), { recursive: true })
    const { dependencies } = JSON.parse(readFileSync(path.join(packages, 'cli/package.json'), 'utf8'))
    for (const name of Object.keys(dependencies))
      if (name !== '@zerodrop/core') symlinkSync(path.join(modules, name), path.join(installed, name))
    symlinkSync('../zerodrop/dist/bin.cjs', path.join(installed, '.bin/zerodrop'))
    writeFileSync(path.join(release, 'server.cjs'), program(version))
    symlinkSync(release, `${this.current}.new`)
    renameSync(`${this.current}.new`, this.current)
    rmSync(path.join(this.#root, String(Number(version) - 1)), { recursive: true, force: true })
  }

  async start(file: string, args: string[], cwd: string): Promise<{ app: AppProcess; port: number }> {
    const port = await freePort()
    const app = await startApp({ file, args, cwd, env: { PORT: String(port), PWD: cwd, TMPDIR: this.#root } })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    return { app, port }
  }
}

/** Until the old process has drained, it takes over again from a new one that crashes. */
async function restart({ app }: { app: AppProcess }, generation: number): Promise<void> {
  app.signal('SIGHUP')
  await app.waitForStderr(new RegExp(`handed over to generation ${generation} `))
}

async function crash(port: number): Promise<void> {
  const client = await RawClient.connect({ port })
  await client.request({ path: '/crash' }).catch(() => {})
  client.destroy()
}

/** Expects that this version answers, and that its process has the preload of its own release. */
async function expectServing(
  { app, port }: { app: AppProcess; port: number },
  version: string,
  generation: number,
) {
  const { pid } = await app.waitFor((event) => event.event === 'listening' && event.version === version)
  for (;;) {
    const client = await RawClient.connect({ port })
    const answer = JSON.parse((await client.request({ path: '/' })).body.toString())
    client.destroy()
    // The predecessor may still accept.
    if (answer.pid !== pid) continue
    expect(answer).toEqual({ version, generation, pid })
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  }
}

describeLinux('after a release was removed', () => {
  test.each<[string, (current: string) => [bin: string, script: string, cwd: string]]>([
    [
      'zerodrop is part of the release',
      (current) => [path.join(current, 'node_modules/.bin/zerodrop'), 'server.cjs', current],
    ],
    [
      'zerodrop is installed elsewhere',
      (current) => [bin, path.join(current, 'server.cjs'), path.dirname(current)],
    ],
  ])(
    '"zerodrop run --respawn" starts the current one, at a crash and at a restart: %s',
    async (_where, command) => {
      const releases = new Releases()
      const [file, script, cwd] = command(releases.current)
      const control = path.join(cwd, 'control.sock')
      const site = await releases.start(file, ['run', '--respawn', '--control', control, script], cwd)
      releases.deploy('2')
      await crash(site.port)
      await expectServing(site, '2', 2)
      releases.deploy('3')
      await restart(site, 3)
      await expectServing(site, '3', 3)
      releases.deploy('4')
      await crash(site.port)
      await expectServing(site, '4', 4)
      releases.deploy('5')
      await restart(site, 5)
      await expectServing(site, '5', 5)
      site.app.signal('SIGTERM')
      expect(await site.app.exited).toEqual({ code: 0, signal: null })
    },
  )

  test('a restart without a keeper preloads the file of the current one', async () => {
    const releases = new Releases()
    const site = await releases.start('server.cjs', [], releases.current)
    releases.deploy('2')
    await restart(site, 2)
    const line = await expectServing(site, '2', 2)
    expect(line).toContain(path.join('2/node_modules/@zerodrop/core/dist/system/preload.js'))
  })
})
