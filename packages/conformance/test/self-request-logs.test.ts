import path from 'node:path'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { startApp } from '../src/app-process.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const fixture = (name: string): string => path.join(__dirname, '../fixtures/restart', name)
const [info, error] = [30, 50]

describe.each(['fastify', 'fastify4'])("%s: the log of a process's own requests", (framework) => {
  async function start(factory = 'default') {
    const port = await freePort()
    const app = await startApp({ file: fixture('logs-itself.mjs'), args: [framework, String(port), factory] })
    undo.add(() => app.stop())
    const { logged } = await app.waitFor('ready')
    return { port, logged: logged as { level: number; msg: string; own?: boolean }[] }
  }

  test('readyCheck and warmUp are not in the access log, their errors and the requests of clients are', async () => {
    const { port, logged } = await start()
    expect(logged).toEqual([{ level: error, msg: 'broken on purpose' }])
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    const { body } = await client.request({ path: '/logged' })
    expect(JSON.parse(body.toString())).toEqual([{ level: info, msg: 'incoming request' }])
  })

  test("the application's own factory creates the loggers", async () => {
    const { logged } = await start('own')
    expect(logged).toEqual([{ level: error, msg: 'broken on purpose', own: true }])
  })

  test('a factory that sets the level itself logs them', async () => {
    const { logged } = await start('loud')
    const incoming = logged.filter(({ msg }) => msg === 'incoming request')
    expect(incoming).toHaveLength(3)
  })
})

test.each(['express', 'koa'])(
  '%s: an access log can skip them by the property of the socket',
  async (framework) => {
    const port = await freePort()
    const app = await startApp({ file: fixture('skips-itself.mjs'), args: [framework, String(port)] })
    undo.add(() => app.stop())
    await expect(app.waitFor('ready')).resolves.toMatchObject({ logged: [] })
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    const { body } = await client.request({ path: '/client' })
    expect(JSON.parse(body.toString())).toEqual(['begin /client'])
  },
)
