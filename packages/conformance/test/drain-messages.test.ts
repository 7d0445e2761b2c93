import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { leftovers } from '@zerodrop/traffic'
import { DrainSite, frameworksAndTls } from './support/drain-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }
const MEGABYTE = 1024 * 1024

describePosix.each(frameworksAndTls)('%s over %s: every kind of message', (framework, protocol) => {
  test('the process exits right after the last connection, wherever its request was', async () => {
    // The quickest of some: what the process waits for is in all, what a busy machine adds is not.
    let quickest = Infinity
    for (let run = 0; run < 10 && quickest >= 100; run += 1) {
      const site = await DrainSite.start(undo, framework, { protocol })
      const [held, begun] = await site.connectMany(2)
      // The head of the one is sent at the signal, of the other it is not.
      const answers = [begun!.request({ path: '/trailers' }), held!.request({ path: '/hold' })]
      await once(begun!.socket, 'data')
      const visits = [await site.gates.visit(), await site.gates.visit()]
      await site.drain()
      for (const visit of visits) visit.open()
      for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200)
      await expect(Promise.all([held!.ended, begun!.ended])).resolves.toEqual(['fin', 'fin'])
      const ended = performance.now()
      await expect(site.app.exited).resolves.toEqual(clean)
      quickest = Math.min(quickest, performance.now() - ended)
    }
    expect(quickest).toBeLessThan(100)
  })

  test('bodies, trailers, HEAD, 100-continue and HTTP/1.0 stay intact during a drain', async () => {
    const site = await DrainSite.start(undo, framework, { protocol })
    const clients = await site.connectMany(8)
    const [waiting, expecting, chunked, trailing, head, old, oldKept, oldIdle] = clients
    await Promise.all([waiting!, oldIdle!].map((client) => client.request()))
    const post = 'POST /upload HTTP/1.1\r\nHost: here\r\n'

    const expected = expecting!.nextResponse()
    expecting!.write(`${post}Expect: 100-continue\r\nContent-Length: 6\r\n\r\n`)
    await expect(expecting!.nextInterim()).resolves.toMatchObject({ status: 100 })

    const chunks = chunked!.nextResponse()
    chunked!.write(
      `POST /trailers HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n`,
    )
    chunked!.write('6\r\nbefore\r\n')
    await site.app.waitFor('upload')

    const trailers = trailing!.request({ path: '/trailers' })
    await once(trailing!.socket, 'data')
    const heads = head!.request({ method: 'HEAD', path: '/hold' })
    const olds = old!.nextResponse()
    old!.write('GET /hold HTTP/1.0\r\n\r\n')
    const oldsKept = oldKept!.nextResponse()
    oldKept!.write('GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    const visits = []
    for (let held = 0; held < 4; held += 1) visits.push(await site.gates.visit())

    await site.drain()
    for (const visit of visits) visit.open()

    expecting!.write('behind')
    chunked!.write('5\r\nafter\r\n0\r\nX-Sum: 11\r\n\r\n')
    const waited = waiting!.nextResponse()
    waiting!.write(`${post}Expect: 100-continue\r\nContent-Length: 6\r\n\r\n`)
    await expect(waiting!.nextInterim()).resolves.toMatchObject({ status: 100 })
    waiting!.write('behind')
    oldIdle!.write('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')

    for (const answer of [await expected, await waited]) {
      expect(answer).toMatchObject({ status: 200, closes: true })
      expect(JSON.parse(answer.body.toString())).toMatchObject({ bytes: 6 })
    }
    const answer = await chunks
    expect(answer).toMatchObject({ status: 200, closes: true })
    expect(JSON.parse(answer.body.toString())).toEqual({ bytes: 11, trailers: { 'x-sum': '11' } })
    const trailed = await trailers
    expect(trailed).toMatchObject({ status: 200, trailers: { 'x-sum': 'whole' } })
    expect(trailed.body.toString()).toBe('begin,end')
    await expect(heads).resolves.toMatchObject({ status: 200, closes: true })
    for (const each of [await olds, await oldsKept, await oldIdle!.nextResponse()]) {
      expect(each).toMatchObject({ status: 200, closes: true })
      expect(JSON.parse(each.body.toString())).toMatchObject({ version: '1' })
    }
    for (const client of clients) await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(/: drained in \d+ ms: 6 finished, 2 served meanwhile, 0 cut\n$/)
  })

  test('pipelined requests are answered in order, only the last with close', async () => {
    const site = await DrainSite.start(undo, framework, { protocol })
    const [before, instantly, after, instant, mixed] = await site.connectMany(5)
    await Promise.all([after!, instant!, mixed!].map((client) => client.request()))
    // Behind the first, which is held, the others wait for their turn.
    const arrived = before!.pipeline(['/hold?1', '/instant?2', '/hold?3'])
    const behind = instantly!.pipeline(['/hold?1', '/instant?2', '/instant?3'])
    const visits = [await site.gates.visit(), await site.gates.visit(), await site.gates.visit()]
    await site.drain()
    // The last first.
    for (const visit of visits.sort((a, b) => b.name.localeCompare(a.name))) visit.open()
    const post = 'POST /upload HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nbody'
    const get = 'GET /instant?3 HTTP/1.1\r\nHost: here\r\n\r\n'
    mixed!.write(`GET /slow?ms=50 HTTP/1.1\r\nHost: here\r\n\r\n${post}${get}`)
    const [arrivedBefore, behindHeld, asynchronous, synchronous, withBody] = await Promise.all([
      arrived,
      behind,
      after!.pipeline(['/slow?ms=60', '/slow?ms=30', '/slow?ms=1']),
      instant!.pipeline(['/instant?1', '/instant?2', '/instant?3']),
      Promise.all([mixed!.nextResponse(), mixed!.nextResponse(), mixed!.nextResponse()]),
    ])
    for (const responses of [arrivedBefore, behindHeld, asynchronous, synchronous, withBody]) {
      expect(responses.map(({ status }) => status)).toEqual([200, 200, 200])
    }
    const bodies = (responses: typeof withBody): unknown[] =>
      responses.map(({ body }) => JSON.parse(body.toString()) as unknown)
    const identity = expect.objectContaining({ version: '1' }) as unknown
    expect(bodies(arrivedBefore as typeof withBody)).toEqual([identity, { url: '/instant?2' }, identity])
    expect(bodies(behindHeld as typeof withBody).slice(1)).toEqual([
      { url: '/instant?2' },
      { url: '/instant?3' },
    ])
    expect(bodies(synchronous as typeof withBody)).toEqual(
      ['/instant?1', '/instant?2', '/instant?3'].map((url) => ({ url })),
    )
    expect(bodies(withBody).slice(1)).toEqual([expect.objectContaining({ bytes: 4 }), { url: '/instant?3' }])
    for (const responses of [arrivedBefore, asynchronous, synchronous, withBody]) {
      expect(responses.map(({ closes }) => closes)).toEqual([false, false, true])
    }
    // These two were answered before the signal, behind one that was not.
    expect(behindHeld.map(({ closes }) => closes)).toEqual([false, false, false])
    for (const client of [before, instantly, after, instant, mixed]) {
      await expect(client!.ended).resolves.toBe('fin')
    }
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(/: drained in \d+ ms: 6 finished, 9 served meanwhile, 0 cut\n$/)
  })

  test('a response queued for a slow reader arrives whole, and the client may send another request', async () => {
    const site = await DrainSite.start(undo, framework, { protocol })
    const client = await site.connect()
    client.pause()
    const answer = client.request({ path: `/large?bytes=${20 * MEGABYTE}` })
    await site.app.waitFor('large')
    // Answered behind it, so by then the application has ended that answer.
    const witness = await site.connect()
    await witness.request()
    await witness.close()
    await site.drain()
    await delay(300)
    client.resume()
    const { status, body } = await answer
    expect({ status, bytes: body.length }).toEqual({ status: 200, bytes: 20 * MEGABYTE })
    // The answer had ended before the signal, and had promised to keep the connection.
    await expect(client.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('a client that keeps sending after its response gets the whole response', async () => {
    const site = await DrainSite.start(undo, framework, { protocol })
    const client = await site.connect()
    await client.request()
    const body = async function* () {
      yield Buffer.alloc(100_000)
      await site.app.waitFor('early')
      for (let piece = 0; piece < 40; piece += 1) {
        await delay(5)
        yield Buffer.alloc(100_000)
      }
    }
    await site.drain()
    const headers = { 'content-length': String(41 * 100_000) }
    client.pause()
    const answer = client.request({ method: 'POST', path: '/early', headers, body: body() })
    await site.app.waitFor('early')
    await delay(100)
    client.resume()
    const response = await answer
    expect(response).toMatchObject({ status: 200, closes: true })
    expect(response.body).toHaveLength(500_000)
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})
