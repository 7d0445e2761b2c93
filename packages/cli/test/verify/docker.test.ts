import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describeLinux, fixture, undo, verdicts, verify } from './support/verify.ts'

afterEach(() => undo.disposeAll())

/** An environment in which `docker` is our stand-in for the command line of Docker. */
function withDocker(env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv & { FAKE_DOCKER: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-docker-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  const state = path.join(folder, 'state')
  mkdirSync(state)
  const docker = path.join(folder, 'docker')
  copyFileSync(fixture('docker.sh'), docker)
  chmodSync(docker, 0o755)
  return { PATH: `${folder}:${process.env['PATH']}`, FAKE_DOCKER: state, ...env }
}

/** The containers that were not removed. */
const leftIn = ({ FAKE_DOCKER }: { FAKE_DOCKER: string }): string[] =>
  readdirSync(FAKE_DOCKER).filter((name) => !name.endsWith('.removed') && !/\.(pid|status|logs)$/.test(name))

const inFlight = ['--slow', '/slow', '--only', 'in-flight', '--json']
const serves = (name: string): string[] => ['--', process.execPath, fixture(name)]

describeLinux('zerodrop verify --docker, with a stand-in for Docker', () => {
  test('judges a container, whose main process gets the signal', async () => {
    const env = withDocker()
    const passed = await verify(['--docker', 'app', ...inFlight, ...serves('right.mjs')], env)
    expect({ ...verdicts(passed), status: passed.status }).toEqual({
      'in-flight': 'pass',
      status: 0,
    })
    expect(leftIn(env)).toEqual([])
  })

  test('catches a container that cuts its requests', async () => {
    const env = withDocker()
    const limit = ['--limit', '2000']
    const failed = await verify(['--docker', 'app', ...inFlight, ...limit, ...serves('wrong.mjs')], env)
    expect({ ...verdicts(failed), status: failed.status }).toEqual({ 'in-flight': 'fail', status: 1 })
    expect(leftIn(env)).toEqual([])
  })

  test('stops with the STOPSIGNAL of the image', async () => {
    const env = withDocker({ FAKE_STOPSIGNAL: '2' })
    const { stderr, status } = await verify(['--docker', 'app', ...inFlight, ...serves('right.mjs')], env)
    expect(stderr).toContain('stopped by SIGINT')
    expect(status).toBe(0)
  })

  test.each([
    [['--docker', 'nothing'], {}, /The image nothing cannot be pulled: pull access denied for nothing/],
    [
      ['--docker', 'app'],
      { FAKE_REFUSAL: 'exec: "/x": no such file' },
      /The container of app cannot be started: exec: "\/x": no such file$/m,
    ],
    [
      ['--docker', 'app', '--', process.execPath, '-e', 'console.log("no database"); process.exit(3)'],
      {},
      /exited with status 3 before it answered\.\nIt printed:\nno database/,
    ],
    [['--docker', 'app'], { FAKE_STOPSIGNAL: 'SIGRTMIN+3' }, /stops with SIGRTMIN\+3 \(STOPSIGNAL\).*--stop/],
    [['--docker', 'app'], { PATH: '/nowhere' }, /none answers: there is no command "docker"/],
  ])('%j with %j: says what is wrong, and leaves no container behind', async (args, more, says) => {
    const env = withDocker(more)
    const { status, stderr } = await verify(args, env)
    expect(stderr).toMatch(says)
    expect(status).toBe(2)
    expect(leftIn(env)).toEqual([])
  })
})
