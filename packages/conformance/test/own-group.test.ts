import path from 'node:path'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { startApp } from '../src/app-process.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const file = path.join(__dirname, '../fixtures/signals/own-group.mjs')

describePosix('a process that signals its own process group when it has handed over', () => {
  test.each([
    ['SIGTERM', 'zero'],
    ['SIGTERM', 'group'],
    ['exit', 'zero'],
    ['exit', 'group'],
  ])('at %s, by its %s, does not end its successor', async (event, target) => {
    const port = await freePort()
    // A process group of its own, as a terminal or a service has one.
    const app = await startApp({
      file,
      args: [`${port}`, event, target],
      execPath: 'setsid',
      execArgv: [process.execPath],
    })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    const from = app.lines.length
    const old = app.signal('SIGHUP')
    await app.exitOf(old)
    const ofOld = app.lines.slice(from).filter(({ pid }) => pid === old)
    expect(ofOld.map((line) => line.event)).toEqual(['handler'])
    expect(app.stderr).toMatch(new RegExp(`pid ${old}: SIGTERM to the process group was not sent`))
    const { pid } = await app.waitFor('listening', { from })
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    const answer = await client.request({ path: '/' })
    expect(answer).toMatchObject({ status: 200, closes: false })
    expect(answer.body.toString()).toBe(String(pid))
    expect(app.lines.some((line) => line.pid === pid && line.event === 'draining')).toBe(false)
  })
})
