import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import { bin, fixture, undo, verdicts, verify } from './support/verify.ts'

const root = path.join(__dirname, '../../../..')
const image = `zerodrop-test:${randomUUID()}`
const core = path.join(root, 'packages/core')
const made = spawnSync(
  process.execPath,
  [
    path.join(root, 'scripts/docker-image.mjs'),
    image,
    ...['right.mjs', 'wrong.mjs', 'routes.mjs'].map((name) => `${fixture(name)}=/app/${name}`),
    `${path.join(root, 'node_modules/ws')}=/app/node_modules/ws`,
    ...['package.json', 'dist'].map(
      (name) => `${path.join(core, name)}=/app/node_modules/@zerodrop/core/${name}`,
    ),
  ],
  { encoding: 'utf8' },
)
const why =
  made.status === 0 ? 'a Docker engine' : `a Docker engine: ${made.stderr.trim().split('\n').at(-1)}`
const describeDocker = made.status === 0 ? describe : describe.skip

const docker = (...args: string[]): string => spawnSync('docker', args, { encoding: 'utf8' }).stdout.trim()
const containers = (): string => docker('ps', '--all', '--quiet', '--filter', `ancestor=${image}`)

const inFlight = ['--slow', '/slow', '--only', 'in-flight', '--json']
const serves = (...words: string[]): string[] => ['--docker', image, ...inFlight, '--', ...words]

describeDocker(`zerodrop verify --docker (needs ${why})`, () => {
  afterEach(async () => {
    await undo.disposeAll()
    const left = containers()
    if (left !== '') throw new Error(`verify has left a container behind: ${left}`)
  })
  afterAll(() => docker('rmi', '--force', image))

  test('passes a server that loses nothing', async () => {
    const ended = await verify(serves('node', 'right.mjs'))
    expect({ ...verdicts(ended), status: ended.status }).toEqual({ 'in-flight': 'pass', status: 0 })
  })

  test('catches a server that cuts its requests', async () => {
    const ended = await verify(['--limit', '1000', ...serves('node', 'wrong.mjs')])
    expect({ ...verdicts(ended), status: ended.status }).toEqual({ 'in-flight': 'fail', status: 1 })
  })

  test('deploys in the container, which keeps running, if Node can replace its program', async () => {
    const keeps = 'execve' in process
    const restart = ['--restart', 'SIGHUP', '--limit', keeps ? '10000' : '1000']
    const ended = await verify([...restart, ...serves('node', 'right.mjs')])
    expect(verdicts(ended)).toEqual({ 'in-flight': keeps ? 'pass' : 'fail' })
  })

  test('names a shell that does not pass the signal on', async () => {
    const ended = await verify(['--limit', '1000', ...serves('sh', '-c', 'node right.mjs; exit $?')])
    expect(ended.stdout).toContain('process 1 of the container is a shell, which does not pass SIGTERM on')
    expect(ended.status).toBe(1)
  })

  test.each([
    ['a program that does not exist', ['/nothing'], /cannot be started: .*"\/nothing"/],
    [
      'a server that exits',
      ['sh', '-c', 'echo no database >&2; exit 3'],
      /exited with status 3.*\n.*\nno database/,
    ],
  ])('%s: says so', async (_name, words, says) => {
    const { stderr, status } = await verify(serves(...words))
    expect(stderr).toMatch(says)
    expect(status).toBe(2)
  })

  test('removes the container when it is interrupted', async () => {
    const args = ['--docker', image, '--', 'node', '-e', 'console.log(1); setInterval(() => {}, 1000)']
    const since = (Date.now() / 1000).toFixed(3)
    const child = spawn(process.execPath, [bin, 'verify', ...args], { stdio: 'ignore' })
    undo.add(() => child.kill('SIGKILL'))
    const filters = ['--since', since, '--filter', `image=${image}`, '--filter', 'event=start']
    const events = spawn('docker', ['events', ...filters])
    undo.add(() => events.kill('SIGKILL'))
    await once(events.stdout, 'data')
    child.kill('SIGINT')
    await expect(once(child, 'exit')).resolves.toEqual([null, 'SIGINT'])
  })
})
