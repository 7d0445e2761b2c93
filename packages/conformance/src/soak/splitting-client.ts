import { setTimeout as delay } from 'node:timers/promises'
import { type Connector, keepConnection, LostRequest, type RawClient, type Run } from '@zerodrop/traffic'

/** The most requests of one burst, and the most pieces it is written in. */
const BURST = 6
const PIECES = 5
/** Milliseconds between two pieces, at the most. */
const PAUSE = 20
/** Each connection numbers its requests in a range of its own. */
const RANGE = 1_000_000

/**
 * Keeps one connection, and writes bursts of pipelined requests on it that are cut into pieces at random bytes. Every
 * request has a number that no other request of any connection has; its answer has to bring that number back, in order.
 */
export function splittingClient(path: string, index: number, connector: Connector, run: Run): Promise<void> {
  let last = index * RANGE
  const exchange = async (client: RawClient): Promise<boolean> => {
    const numbers = Array.from({ length: between(1, BURST) }, () => ++last)
    const bytes = Buffer.from(
      numbers.map((n) => `GET ${path}?n=${n} HTTP/1.1\r\nHost: ${n}.soak\r\n\r\n`).join(''),
    )
    const startedAt = performance.now()
    const answers = numbers.map((n) => answered(client, n, startedAt, run))
    await writeInPieces(client, bytes)
    return (await Promise.all(answers)).every(Boolean)
  }
  return keepConnection(exchange, connector, run)
}

async function writeInPieces(client: RawClient, bytes: Buffer): Promise<void> {
  const cuts = Array.from({ length: between(0, PIECES - 1) }, () => between(1, bytes.length - 1))
  const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length]
  for (const [place, from] of edges.slice(0, -1).entries()) {
    if (place > 0) await delay(between(0, PAUSE))
    if (!client.open) return
    client.write(bytes.subarray(from, edges[place + 1]))
  }
}

async function answered(client: RawClient, n: number, startedAt: number, run: Run): Promise<boolean> {
  try {
    const { status, body } = await client.nextResponse(run.timeout)
    const answer = body.toString()
    if (status === 200 && answer === JSON.stringify({ n })) {
      run.tally.answered(startedAt)
      return true
    }
    run.tally.lost(`wrong answer: ${status} ${answer.slice(0, 100)} to ${n}`)
  } catch (error) {
    if (!(error instanceof LostRequest)) throw error
    run.tally.lost(error.message)
  }
  return false
}

function between(least: number, most: number): number {
  return least + Math.floor(Math.random() * (most - least + 1))
}
