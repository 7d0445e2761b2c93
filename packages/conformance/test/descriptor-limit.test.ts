import path from 'node:path'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { canReplaceProgram } from './support/keep-pid-host.ts'
import { Deployment, type ServerSpec, serversFixture } from './support/deployment.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Only there a process can count its descriptors.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

const bin = path.join(__dirname, '../../cli/dist/bin.cjs')

describeLinux('a process near its limit of open files', () => {
  test.each<[string, string, object?]>([
    ['plain', ''],
    ['under "zerodrop run"', bin],
    ...(canReplaceProgram
      ? [['that would become the keeper', '', { keepPid: true }] as [string, string, object]]
      : []),
  ])('goes on serving if a restart would exceed it: %s', async (_name, keeper, options = {}) => {
    const ports: number[] = []
    while (ports.length < 52) ports.push(await freePort())
    const servers = ports.map(
      (port): ServerSpec => ({ kind: 'http', name: `${port}`, listen: { port, host: '127.0.0.1' } }),
    )
    const site = await Deployment.start(
      undo,
      { servers, options },
      {
        file: serversFixture,
        execPath: '/bin/sh',
        execArgv: ['-c', 'ulimit -n 120; exec "$NODE" ${KEEPER:+"$KEEPER" run} "$@"', 'sh'],
        env: { NODE: process.execPath, KEEPER: keeper },
      },
    )
    const get = async (port: number): Promise<number> => {
      const client = await RawClient.connect({ port })
      const { status } = await client.request({ path: '/', headers: { connection: 'close' } })
      client.destroy()
      return status
    }
    let isOver = false
    const failed = site.app.waitForStderr(/ERR_ZERODROP_SPAWN_FAILED|EMFILE/).finally(() => (isOver = true))
    const before = site.app.pids().at(-1)
    site.app.signal('SIGHUP')
    const statuses: Promise<number>[] = []
    for (let n = 0; !isOver || n < ports.length; n++) {
      const answer = get(ports[n % ports.length] as number)
      statuses.push(answer)
      await answer
    }
    await failed
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
    expect(site.app.isAlive(before as number)).toBe(true)
  })
})
