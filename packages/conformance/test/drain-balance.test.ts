import type { DrainResult } from '@zerodrop/core'
import { leftovers, type RawClient } from '@zerodrop/traffic'
import { H2Client } from './support/h2-client.ts'
import { clean, ProtocolSite, unclean } from './support/protocol-site.ts'
import type { Transport } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** Ways in which a response comes whole although something tries to prevent it, over any protocol. */
const whole = ['answer', 'no-content', 'not-modified', 'hints', 'close-all']
/** Ways in which code in the process ends a request before its response is whole. */
const cut = ['destroy-response']
const http1 = {
  whole: [...whole, 'destroy-sent', 'response-timeout', 'response-timeout-once'],
  cut: [
    ...cut,
    'destroy-request',
    'destroy-unanswered',
    'destroy-with-error',
    'destroy-in-body',
    'destroy-unsent',
    'end-in-body',
    'reset-in-body',
    'socket-timeout',
  ],
}
const http2 = { whole, cut: [...cut, 'close-stream', 'reset-stream', 'destroy-session'] }

describePosix.each<Transport>(['http', 'https', 'h2c', 'h2'])('%s: the report balances', (transport) => {
  const isHttp1 = transport.startsWith('http')
  const ways = isHttp1 ? http1 : http2
  const start = (drainTimeout = 20_000) =>
    ProtocolSite.start(undo, 'ends', { transport, options: { drainTimeout } })

  test.each(ways.whole)('a request that ends with "%s" is answered whole', async (way) => {
    const site = await start()
    const answer = ask(site, `/${way}`)
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    await expect(answer).resolves.toBe('whole')
    await expect(site.app.exited).resolves.toEqual(clean)
    await expect(resultOf(site)).resolves.toMatchObject({ ...nothing, finished: 1, cut: [] })
  })

  test.each(ways.cut)('a request that ends with "%s" is cut, and named', async (way) => {
    const site = await start()
    const answer = ask(site, `/${way}`)
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    await expect(answer).resolves.toBe('lost')
    await expect(site.app.exited).resolves.toEqual(unclean)
    const named = { method: 'GET', url: `/${way}`, by: 'application' }
    await expect(resultOf(site)).resolves.toMatchObject({ ...nothing, cut: [named] })
    expect(site.app.lines.filter(({ event }) => event === 'cut')).toMatchObject([{ connection: named }])
    expect(site.app.stderr).toContain(`cut before the deadline by the application: GET /${way} from`)
    expect(site.app.stderr).toContain('1 cut')
  })

  test('a request whose client leaves is counted as left, and the exit status is 0', async () => {
    const site = await start()
    const clients = await Promise.all([1, 2, 3].map(() => connect(site)))
    for (const client of clients) void client.ask('/answer')
    const visits = [await site.gates.visit(), await site.gates.visit(), await site.gates.visit()]
    await site.drain()
    clients[0]!.leave()
    clients[1]!.reset()
    clients[2]!.halfClose()
    // The last one may still be answered.
    await site.app.exited
    for (const visit of visits) visit.open()
    await expect(site.app.exited).resolves.toEqual(clean)
    await expect(resultOf(site)).resolves.toMatchObject({ ...nothing, left: 3, cut: [] })
    expect(site.app.stderr).toContain('3 left by the client, 0 cut')
  })

  test('however many concurrent requests end', async () => {
    const site = await start(4000)
    const random = seeded(20_261_126)
    const fates = [...ways.whole, ...ways.cut, 'leaves', 'stays', 'answer', 'answer']
    const pick = (): string => fates[Math.floor(random() * fates.length)]!
    const requests: { fate: string; outcome: Promise<string> }[] = []
    const leaving: (() => void)[] = []
    const begin = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) {
        const fate = pick()
        const client = await connect(site)
        const url = fate === 'leaves' || fate === 'stays' ? `/answer/${fate}` : `/${fate}`
        requests.push({ fate, outcome: client.ask(url) })
        if (fate === 'leaves') leaving.push(() => (random() < 0.5 ? client.leave() : client.reset()))
      }
    }
    const linger = await Promise.all(Array.from({ length: 15 }, () => connect(site)))
    await begin(25)
    const visits = await Promise.all(requests.map(() => site.gates.visit()))
    await site.drain()
    // Over HTTP/2 a session takes no new streams from then on.
    if (isHttp1) {
      for (const client of linger) {
        const fate = pick() === 'leaves' ? 'leaves' : pick()
        const url = fate === 'leaves' || fate === 'stays' ? `/answer/${fate}` : `/${fate}`
        requests.push({ fate, outcome: client.ask(url) })
        if (fate === 'leaves') leaving.push(() => client.leave())
        visits.push(await site.gates.visit())
      }
    } else for (const client of linger) client.leave()
    for (const leave of leaving) leave()
    for (const visit of visits) if (!/\/(leaves|stays)$/.test(visit.name)) visit.open()
    const ended = await Promise.all(requests.map(async ({ fate, outcome }) => [fate, await outcome] as const))
    const { finished, served, refused, left, cut: named } = await resultOf(site)
    const fatesOf = (seen: string): string[] =>
      ended.flatMap(([fate, outcome]) => (outcome === seen && fate !== 'leaves' ? fate : [])).toSorted()
    expect(finished + served + refused + left + named.length).toBe(requests.length)
    expect(named.map(({ url }) => fateIn(url)).toSorted()).toEqual(fatesOf('lost'))
    expect({ whole: finished + served, left }).toEqual({
      whole: fatesOf('whole').length,
      left: leaving.length,
    })
    await expect(site.app.exited).resolves.toEqual(named.length > 0 ? unclean : clean)
    expect(site.app.stderr).toContain(`${named.length} cut\n`)
  })
})

describePosix('http: the report balances', () => {
  test('a request that is cut while its body arrives', async () => {
    const site = await ProtocolSite.start(undo, 'ends')
    const client = await site.connect()
    client.write('POST /destroy-unanswered HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    await client.ended
    await expect(site.app.exited).resolves.toEqual(unclean)
    const { cut: named } = await resultOf(site)
    expect(named).toMatchObject([{ state: 'receiving', method: 'POST', url: '/destroy-unanswered' }])
  })

  test('a request whose client leaves while its body arrives', async () => {
    const site = await ProtocolSite.start(undo, 'ends')
    const client = await site.connect()
    client.write('POST /answer HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
    await site.gates.visit()
    await site.drain()
    client.destroy()
    await expect(site.app.exited).resolves.toEqual(clean)
    await expect(resultOf(site)).resolves.toMatchObject({ ...nothing, left: 1, cut: [] })
  })

  test("a timeout that the request listens for is the application's", async () => {
    const site = await ProtocolSite.start(undo, 'ends')
    const client = await site.connect()
    const answer = client.nextResponse()
    client.write('POST /request-timeout HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
    await site.app.waitFor('receiving')
    await site.drain()
    await expect(answer).resolves.toMatchObject({ status: 200 })
    client.destroy()
    await expect(site.app.exited).resolves.toEqual(clean)
    await expect(resultOf(site)).resolves.toMatchObject({ ...nothing, finished: 1, cut: [] })
  })

  test.each([
    ['before the drain', false],
    ['in the drain', true],
  ])(
    'each of the requests that were pipelined %s is named when the connection is destroyed',
    async (_when, late) => {
      const site = await ProtocolSite.start(undo, 'ends')
      const client = await site.connect()
      const paths = ['/destroy-unanswered', '/answer/2', '/answer/3']
      const ask = async () => {
        const answers = client.pipeline(paths).catch(() => {})
        const visits = [await site.gates.visit(), await site.gates.visit(), await site.gates.visit()]
        return { answers, visits }
      }
      let asked = late ? undefined : await ask()
      await site.drain()
      asked ??= await ask()
      asked.visits.find(({ name }) => name === paths[0])?.open()
      await asked.answers
      await expect(site.app.exited).resolves.toEqual(unclean)
      const { cut: named } = await resultOf(site)
      expect(named.map(({ url }) => url)).toEqual(paths)
    },
  )

  test.each([
    ['before the drain', false],
    ['in the drain', true],
  ])('each of the requests that were pipelined %s is named at the deadline', async (_when, late) => {
    // Time enough for the requests that come in the drain.
    const site = await ProtocolSite.start(undo, 'ends', { options: { drainTimeout: 3000 } })
    const client = await site.connect()
    const paths = ['/answer/1', '/answer/2', '/answer/3']
    const ask = async () => {
      const answers = client.pipeline(paths).catch(() => {})
      for (const _path of paths) await site.gates.visit()
      return { answers }
    }
    let asked = late ? undefined : await ask()
    await site.drain()
    asked ??= await ask()
    await asked.answers
    await expect(site.app.exited).resolves.toEqual(unclean)
    const { cut: named } = await resultOf(site)
    expect(named.map(({ url }) => url)).toEqual(paths)
    expect(site.cutLines()).toHaveLength(3)
  })

  test('closeAllConnections() of the class cuts requests, and the report names them', async () => {
    const site = await ProtocolSite.start(undo, 'ends')
    const [closer, other] = [await site.connect(), await site.connect()]
    const lost = [closer.request({ path: '/prototype' }), other.request({ path: '/answer' })]
    const answers = Promise.allSettled(lost)
    const visits = [await site.gates.visit(), await site.gates.visit()]
    await site.drain()
    visits.find(({ name }) => name === '/prototype')?.open()
    await answers
    await expect(site.app.exited).resolves.toEqual(unclean)
    const { cut: named } = await resultOf(site)
    expect(new Set(named.map(({ url }) => url))).toEqual(new Set(['/answer', '/prototype']))
  })

  test('a process that a signal ends after such a cut does not exit with 0', async () => {
    const site = await ProtocolSite.start(undo, 'ends')
    const [client, idle] = [await site.connect(), await site.connect()]
    const asked = idle.request({ path: '/answer' })
    ;(await site.gates.visit()).open()
    await asked
    const lost = client.request({ path: '/destroy-and-exit' }).catch(() => {})
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    await lost
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.app.stderr).toContain(
      'cut before the deadline by the application: GET /destroy-and-exit from',
    )
    expect(site.app.stderr).toContain(
      'with 1 connection open and something under way on 0, and 1 cut before that',
    )
    idle.destroy()
  })

  test('half a request head is named when its connection is destroyed', async () => {
    const site = await ProtocolSite.start(undo, 'ends')
    const [reading, idle, closer] = [await site.connect(), await site.connect(), await site.connect()]
    const asked = [idle, closer].map((client) => client.request({ path: '/answer' }))
    for (const visit of [await site.gates.visit(), await site.gates.visit()]) visit.open()
    await Promise.all(asked)
    reading.write('GET /answer HTTP/1.1\r\nHo')
    const lost = closer.request({ path: '/prototype' }).catch(() => {})
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    await lost
    await expect(site.app.exited).resolves.toEqual(unclean)
    const { cut: named } = await resultOf(site)
    expect(new Set(named.map(({ state }) => state))).toEqual(new Set(['handling', 'reading']))
  })
})

const nothing = { finished: 0, served: 0, refused: 0, left: 0 }

interface Client {
  /** Resolves with `'whole'` or `'lost'`. */
  ask(path: string): Promise<string>
  leave(): void
  reset(): void
  halfClose(): void
}

async function ask(site: ProtocolSite, path: string): Promise<string> {
  const client = await connect(site)
  return client.ask(path)
}

async function connect(site: ProtocolSite): Promise<Client> {
  return site.transport.startsWith('http') ? ofHttp1(site, await site.connect()) : ofHttp2(site)
}

function ofHttp1(site: ProtocolSite, client: RawClient): Client {
  return {
    ask: (path) =>
      client.request({ path }).then(
        ({ status, body }) => outcomeOf(status, body.toString()),
        () => 'lost',
      ),
    leave: () => client.destroy(),
    // Only a socket without TLS can.
    reset: () => (site.secure ? client.destroy() : client.reset()),
    halfClose: () => client.end(),
  }
}

async function ofHttp2(site: ProtocolSite): Promise<Client> {
  const client = await H2Client.connect(undo, site.port, site.secure)
  return {
    ask: (path) =>
      client.get(path).then(
        ({ status, body }) => outcomeOf(status, body),
        () => 'lost',
      ),
    leave: () => client.session.destroy(),
    reset: () => client.session.destroy(),
    halfClose: () => client.session.destroy(),
  }
}

/** What was to become of a request, by its URL. */
function fateIn(url: string | undefined): string {
  return /\/(leaves|stays)$/.exec(url ?? '')?.[1] ?? (url ?? '').slice(1)
}

/** Node's client of HTTP/2 takes a stream that is closed without an error for one that has ended. */
function outcomeOf(status: number, body: string): string {
  return body === 'whole' || status !== 200 ? 'whole' : 'lost'
}

async function resultOf({ app }: ProtocolSite): Promise<DrainResult> {
  const { result } = await app.waitFor('result')
  return result as DrainResult
}

/** The same numbers each time, between 0 and 1. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
