import { leftovers } from '@zerodrop/traffic'
import { DrainSite, frameworks } from './support/drain-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

const allForms = [
  'setHeader',
  'setHeaders',
  'appendHeader',
  'list',
  'object',
  'reason',
  'flat',
  'pairs',
  'both',
  'removed',
  'removed-alone',
  'wrapped',
]

describePosix.each(frameworks)('%s: the last response says close', (framework) => {
  // Express has set a header by then, and Node takes pairs only for all of them.
  const forms = allForms.filter((form) => form !== 'pairs' || framework !== 'express')

  test('whatever Connection header the framework was given', async () => {
    const site = await DrainSite.start(undo, framework)
    const clients = await site.connectMany(2)
    const before = clients[0]!.request({ path: '/keep-alive' })
    const visits = [await site.gates.visit()]
    await site.drain()
    const after = clients[1]!.request({ path: '/keep-alive' })
    visits.push(await site.gates.visit())
    for (const visit of visits) visit.open()
    for (const { body, closes, headers } of await Promise.all([before, after])) {
      expect(body.toString()).toBe('kept')
      expect(headers).toMatchObject({ connection: 'close', 'x-own': 'kept' })
      expect(headers).not.toHaveProperty('keep-alive')
      expect(closes).toBe(true)
    }
    await expect(Promise.all(clients.map(({ ended }) => ended))).resolves.toEqual(['fin', 'fin'])
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('however its head is written, before and during the drain', async () => {
    const site = await DrainSite.start(undo, framework)
    const clients = await site.connectMany(2 * forms.length)
    const ask = (offset: number) =>
      forms.map((form, index) => clients[offset + index]!.request({ path: `/headers?form=${form}` }))
    const before = ask(0)
    const visits = await Promise.all(forms.map(() => site.gates.visit()))
    await site.drain()
    const after = ask(forms.length)
    visits.push(...(await Promise.all(forms.map(() => site.gates.visit()))))
    for (const visit of visits) visit.open()
    const answers = await Promise.all([...before, ...after])
    for (const [index, { body, closes, headers, rawHeaders }] of answers.entries()) {
      const form = forms[index % forms.length]!
      const connection = form === 'list' ? 'close, X-Own' : 'close'
      const own = form === 'removed-alone' ? undefined : 'kept'
      expect({
        form,
        body: body.toString(),
        connection: headers['connection'],
        own: headers['x-own'],
      }).toEqual({
        form,
        body: 'kept',
        connection,
        own,
      })
      expect(rawHeaders.filter(([name]) => /^(connection|keep-alive)$/i.test(name!))).toHaveLength(1)
      expect(closes).toBe(true)
    }
    for (const { ended } of clients) await expect(ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('of pipelined ones the last, also if they were asked for before the drain', async () => {
    const site = await DrainSite.start(undo, framework)
    const client = await site.connect()
    const paths = ['wrapped', 'object', 'wrapped'].map((form) => `/headers?form=${form}`)
    const answers = client.pipeline(paths)
    const visits = await Promise.all(paths.map(() => site.gates.visit()))
    await site.drain()
    for (const visit of visits) visit.open()
    const closes = (await answers).map((answer) => answer.closes)
    expect(closes).toEqual([false, false, true])
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

describePosix('http: an application that promises to keep every connection', () => {
  test('loses no request of busy clients at a distance', async () => {
    const site = await DrainSite.start(undo, 'http')
    const clients = await site.connectMany(25, { port: await site.distance() })
    const letGo = async (): Promise<never> => {
      for (;;) (await site.gates.visit()).open()
    }
    void letGo().catch(() => {})
    const begun = clients.map((client) => client.request({ path: '/keep-alive' }))
    const busy = clients.map(async (client, index) => {
      await begun[index]
      while (client.open && !client.sawClose)
        await expect(client.request({ path: '/keep-alive' })).resolves.toMatchObject({ status: 200 })
      return client.ended
    })
    await Promise.all(begun)
    await site.drain()
    await expect(Promise.all(busy)).resolves.toEqual(clients.map(() => 'fin'))
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})
