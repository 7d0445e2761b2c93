import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { serve } from './drained-server.ts'
import { turns } from '../turns.ts'

/** The way a request ends, unless another request ends the connection first. */
const fates: Record<string, (response: ServerResponse, client: Duplex) => void> = {
  answered: (response) => response.end('whole'),
  empty: (response) => response.writeHead(204).end(),
  destroyed: (response) => response.destroy(),
  'destroyed with an error': (response) => response.req.socket.destroy(new Error('by a library')),
  'ended in mid-body': (response, client) => {
    response.write('half')
    response.req.socket.end()
    client.end()
  },
  left: (_response, client) => client.end(),
  held: () => {},
}

describe('the drain counts each request exactly once', () => {
  test.each([1, 2, 3, 4, 5])('when many requests end in random ways (%i)', async (seed) => {
    const random = seeded(seed)
    const pick = (): string => Object.keys(fates)[Math.floor(random() * Object.keys(fates).length)]!
    const { open, drain, end, cut } = serve()
    const clients = Array.from({ length: 40 }, () => open())
    // Up to five pipelined requests on a connection, before and during the drain.
    for (const client of clients) client.ask(Math.floor(random() * 6))
    await turns()
    drain.start()
    for (const client of clients) client.ask(Math.floor(random() * 6))
    await turns()
    for (const client of clients) {
      for (const response of client.responses) {
        fates[pick()]!(response, client.stream)
        await turns()
      }
    }
    const { tally } = drain
    expect(tally.finished + tally.served).toBeGreaterThan(0)
    expect(tally.left).toBeGreaterThan(0)
    const early = tally.cutRequests
    expect(early).toBe(cut.length)
    expect(cut.every(({ by }) => by === 'application')).toBe(true)
    const late = drain.force(false)
    await turns()
    const { begun, arrived, finished, served, refused, left, cutRequests } = tally
    expect(begun).toBeGreaterThan(0)
    expect(arrived).toBeGreaterThan(0)
    expect(finished + served + refused + left + cutRequests).toBe(begun + arrived)
    expect(cutRequests).toBe(tally.cut.length)
    expect(tally.cut.length).toBe(late.length + cut.length)
    end()
  })
})

test('closeAllConnections() and closeIdleConnections() do nothing during a drain, and work as usual after it', async () => {
  const { open, drain, end, server } = serve()
  const client = open()
  client.ask(1)
  await turns()
  drain.start()
  server.closeAllConnections()
  server.closeIdleConnections()
  await turns()
  expect(client.stream.destroyed).toBe(false)
  expect(client.responses[0]?.destroyed).toBe(false)
  drain.dispose()
  expect(Object.hasOwn(server, 'closeAllConnections')).toBe(false)
  expect(Object.hasOwn(server, 'closeIdleConnections')).toBe(false)
  end()
})

/** A reproducible sequence of numbers between 0 and 1. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
