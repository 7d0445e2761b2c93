import { leftovers } from '@zerodrop/traffic'
import { DrainSite, frameworks } from './support/drain-site.ts'
import type { Framework } from './support/drain-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

describePosix.each(frameworks)('%s: onDrainingRequest', (framework) => {
  test('refuse: 503 as the framework renders it, seen by the error handling of the application', async () => {
    const site = await DrainSite.start(undo, framework, { policy: 'refuse' })
    const [idle, busy] = await site.connectMany(2)
    await idle!.request()
    const held = busy!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain()
    const refused = await idle!.request()
    expect(refused).toMatchObject({
      status: 503,
      closes: true,
      headers: { 'retry-after': '1', connection: 'close' },
    })
    expect(refused.body.toString()).toContain('Service Unavailable')
    await expect(idle!.ended).resolves.toBe('fin')
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(seen(site)).toEqual(seenBy(framework))
    expect(site.app.stderr).toContain('1 finished, 0 served meanwhile, 1 refused, 0 cut')
  })

  test('refuse: the application may render it', async () => {
    const site = await DrainSite.start(undo, framework, { policy: 'refuse', renders: true })
    const client = await site.connect()
    await client.request()
    await site.drain()
    const refused = await client.request()
    expect(refused).toMatchObject({ status: 503, closes: true })
    expect(refused.body.toString()).toBe(
      framework === 'http' ? 'Service Unavailable\n' : '{"rendered":"ERR_ZERODROP_DRAINING"}',
    )
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(seen(site)).toEqual(seenBy(framework))
  })

  test('a function decides by the request', async () => {
    const site = await DrainSite.start(undo, framework, { policy: 'function' })
    const clients = await site.connectMany(2)
    await Promise.all(clients.map((client) => client.request({ path: '/refused' })))
    await site.drain()
    const paths = ['/', '/refused']
    const answers = await Promise.all(clients.map((client, index) => client.request({ path: paths[index]! })))
    expect(answers.map(({ status, closes }) => [status, closes])).toEqual([
      [200, true],
      [503, true],
    ])
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('0 finished, 1 served meanwhile, 1 refused, 0 cut')
    expect(site.app.stderr).not.toContain('POLICY_FAILED')
  })

  test.each([
    ['/throws', 'threw Error: a policy that throws'],
    ['/rejects', 'returned Promise'],
    ['/true', 'returned true'],
  ])('a function without a result, as for %s, serves, and is reported once', async (path, what) => {
    const site = await DrainSite.start(undo, framework, { policy: 'function' })
    const clients = await site.connectMany(2)
    await Promise.all(clients.map((client) => client.request()))
    await site.drain()
    const answers = await Promise.all(clients.map((client) => client.request({ path })))
    expect(answers.map(({ status, closes }) => [status, closes])).toEqual([
      [200, true],
      [200, true],
    ])
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('0 finished, 2 served meanwhile, 0 cut')
    expect(site.app.stderr.split('ERR_ZERODROP_DRAINING_POLICY_FAILED')).toHaveLength(2)
    expect(site.app.stderr).toContain(`The function "onDrainingRequest" ${what}`)
  })
})

function seen(site: DrainSite): unknown[] {
  return site.app.lines
    .filter(({ event }) => event === 'error' || event === 'app-error')
    .map(({ event, code }) => [event, code])
}

/** Koa tells its 'error' event as well; a plain server has no error handling. */
function seenBy(framework: Framework): string[][] {
  if (framework === 'http') return []
  const error = ['error', 'ERR_ZERODROP_DRAINING']
  return framework === 'koa' ? [error, ['app-error', 'ERR_ZERODROP_DRAINING']] : [error]
}
