import type { Socket } from 'node:net'
import { DrainingSignals } from '../../src/drain/draining-signals.ts'
import { createParts, type Parts } from '../../src/drain/parts.ts'
import { Remainder } from '../../src/drain/remainder.ts'
import type { Departures } from '../../src/drain/server-drain-options.ts'
import type { CutConnection } from '../../src/events/drain-report.ts'
import { type Client, options, serve } from './drained-server.ts'
import { turns } from '../turns.ts'

let served: ReturnType<typeof serve>
let cut: CutConnection[]
let underWay: Set<Socket>
let parts: Parts
let remainder: Remainder
beforeEach(() => {
  served = serve()
  const own: CutConnection[] = []
  cut = own
  underWay = new Set()
  const departures: Departures = {
    leaves: () => false,
    isLeaving: () => false,
    isUnderWay: (socket) => underWay.has(socket),
  }
  const given = { ...options, departures, onCut: (each: CutConnection) => own.push(each) }
  parts = createParts(served.system, served.drain.connections, new DrainingSignals(), given)
  remainder = new Remainder(parts)
})
afterEach(() => served.end())

const ask = async (count = 1): Promise<Client> => {
  const client = served.open()
  client.ask(count)
  await turns()
  return client
}

/** A connection between two requests. */
const idle = async (): Promise<Client> => {
  const client = await ask()
  client.responses[0]!.end()
  await turns()
  return client
}

const socketOf = ({ responses }: Client): Socket => responses[0]!.req.socket
const sockets = (): Socket[] => [...served.drain.connections.sockets.keys()]
const open = (): boolean[] => sockets().map(({ destroyed }) => !destroyed)

test('names every followed request, including pipelined ones', async () => {
  const { responses } = await ask(2)
  for (const each of responses) parts.http1Requests.begin(each.req, each)
  expect(remainder.describe()).toMatchObject([
    { state: 'handling', method: 'GET' },
    { state: 'handling', method: 'GET' },
  ])
})

test('cuts in-flight requests and idle connections, and returns the in-flight requests', async () => {
  await idle()
  served.open()
  await ask()
  parts.http1Requests.start()
  const forced = remainder.force(true, false)
  expect(forced).toMatchObject([{ state: 'handling' }])
  expect([parts.tally.cut, parts.tally.cutRequests, cut]).toEqual([forced, 1, []])
  expect(open()).toEqual([false, false, false])
})

test('leaves alone idle and unused connections that are moving to a successor', async () => {
  const quiet = [socketOf(await idle()), (served.open(), sockets().at(-1)!)]
  const busy = socketOf(await ask())
  parts.http1Requests.start()
  remainder.force(false, true)
  expect([...quiet, busy].map(({ destroyed }) => destroyed)).toEqual([false, false, true])
})

test('cuts an idle connection that drains while others move', async () => {
  const [kept, moving] = [socketOf(await idle()), socketOf(await idle())]
  parts.http1.keep('serve', [kept])
  remainder.force(false, true)
  expect([kept.destroyed, moving.destroyed]).toEqual([true, false])
  parts.http1.dispose()
})

test('leaves alone a connection that is between two processes', async () => {
  const [leaving, other] = [socketOf(await ask()), socketOf(await ask())]
  underWay.add(leaving)
  remainder.force(true, false)
  expect([leaving.destroyed, other.destroyed]).toEqual([false, true])
})

test('names each connection that has not moved at the deadline, and destroys everything', async () => {
  const moving = await idle()
  const leaving = socketOf(await ask())
  underWay.add(leaving)
  remainder.force(false, true)
  expect(cut).toEqual([])
  served.system.advance(100)
  remainder.giveUpMoving()
  expect(cut).toEqual([{ state: 'moving', connectedFor: 100 }])
  expect(parts.tally.cut.at(-1)).toEqual(cut[0])
  expect([socketOf(moving)?.destroyed ?? true, leaving.destroyed]).toEqual([true, true])
})

test('does not name a connection that has closed or sent a request by then', async () => {
  const [closed, asking] = [await idle(), await idle()]
  const [first, second] = [sockets()[0]!, sockets()[1]!]
  remainder.force(false, true)
  first.destroy()
  asking.ask(1)
  await turns()
  const response = asking.responses.at(-1)!
  parts.http1Requests.begin(response.req, response)
  remainder.giveUpMoving()
  expect(cut).toEqual([])
  expect([closed.responses.length, second.destroyed]).toEqual([1, true])
})

test('destroys every connection, even if one throws', async () => {
  const [broken, sound] = [socketOf(await ask()), socketOf(await ask())]
  broken.destroy = () => {
    throw new Error('broken on purpose')
  }
  remainder.destroy()
  expect(sound.destroyed).toBe(true)
  Reflect.deleteProperty(broken, 'destroy')
})
