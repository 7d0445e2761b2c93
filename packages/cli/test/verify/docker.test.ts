import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '@zerodrop/traffic'
import { describeLinux, fixture, undo, verdicts, verify } from './support/verify.ts'

afterEach(() => undo.disposeAll())

/** An environment in which `docker` is our stand-in for the command line of Docker. */
async function withDocker(): Promise<NodeJS.ProcessEnv> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-docker-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  const state = path.join(folder, 'state')
  mkdirSync(state)
  const docker = path.join(folder, 'docker')
  copyFileSync(fixture('docker.sh'), docker)
  chmodSync(docker, 0o755)
  const port = String(await freePort())
  return { PATH: `${folder}:${process.env['PATH']}`, FAKE_DOCKER: state, PORT: port }
}

describeLinux('zerodrop verify --docker', () => {
  test('judges a container, whose main process gets the signal', async () => {
    const env = await withDocker()
    const only = ['--slow', '/slow', '--only', 'in-flight', '--json']
    const right = ['--docker', 'app', ...only, '--', process.execPath, fixture('right.mjs')]
    const passed = await verify(right, env)
    expect({ ...verdicts(passed), status: passed.status }).toEqual({
      'in-flight': 'pass',
      status: 0,
    })
  })

  test('catches a container that cuts its requests', async () => {
    const env = await withDocker()
    const only = ['--slow', '/slow', '--only', 'in-flight', '--limit', '2000', '--json']
    const failed = await verify(
      ['--docker', 'app', ...only, '--', process.execPath, fixture('wrong.mjs')],
      env,
    )
    expect({ ...verdicts(failed), status: failed.status }).toEqual({ 'in-flight': 'fail', status: 1 })
  })

  test('says why a container cannot be started', async () => {
    const { status, stderr } = await verify(['--docker', 'nothing'], await withDocker())
    expect(stderr).toMatch(/The container of nothing cannot be started: .*Unable to find image 'nothing'/)
    expect(status).toBe(2)
  })
})
