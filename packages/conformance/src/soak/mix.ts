import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { repository } from '../repository.ts'
import {
  connectionClient,
  type Connector,
  downloadJob,
  type Job,
  keepAliveClient,
  pipelinedJob,
  quickJob,
  type Run,
  slowJob,
  type TrafficTally,
  uploadJob,
} from '@zerodrop/traffic'
import { connectorTo, resumingConnector, sippingConnector } from './connectors.ts'
import { h2Client } from './h2-client.ts'
import type { SoakKind } from './kinds.ts'
import { splittingClient } from './splitting-client.ts'

export interface MixOptions {
  /** Those that are to run here. */
  kinds: readonly SoakKind[]
  /** Of the server, and `distant` of a proxy before its plain port. */
  ports: { http: number; https: number; h2: number; h2c: number; distant: number }
  /** Plain keep-alive clients. */
  clients: number
  tally: TrafficTally<SoakKind>
  stop: AbortSignal
}

/** Milliseconds that the way to the distant port takes there and back. */
export const ROUND_TRIP = 30
/** Requests per second that all direct plain keep-alive clients make together, and all distant ones. */
const RATE = 160
/** Milliseconds that the others wait between two requests, on average. */
const THINK = {
  connection: 60,
  pipelined: 140,
  split: 2500,
  slow: 50,
  upload: 100,
  reader: 200,
  tls: 130,
  h2: 150,
  h2c: 150,
}
const FEW = 4
const BURST = 4
/** Clients that write in random pieces, half of them 30 ms away. Many, because the moment of a move has to hit a piece. */
const SPLITTING = 200
const TIMEOUT = 15_000
const LARGE = 1_500_000

const certificate = path.join(repository, 'packages/conformance/fixtures/tls/cert.pem')

/** Starts clients of these kinds; resolves when all have gone, which they do when told to stop. */
export async function runMix({ kinds, ports, clients, tally, stop }: MixOptions): Promise<void> {
  const direct = Math.ceil(clients / 2)
  const distant = clients - direct
  const think = { ...THINK, direct: pause(direct, 0), distant: pause(distant, ROUND_TRIP) }
  const runOf = (kind: SoakKind): Run => ({
    tally: tally.kind(kind),
    stop,
    timeout: TIMEOUT,
    think: () => delay(Math.random() * 2 * think[kind]),
  })
  const keep = (kind: SoakKind, job: Job, connector: Connector): Promise<void> =>
    keepAliveClient(job, connector, runOf(kind))
  const quick = quickJob('/', (version, pid) => tally.servedBy(version, pid))
  const single = quickJob('/', (version, pid) => tally.servedBy(version, pid), { connection: 'close' })
  const slow = slowJob('/slow?ms=300')
  const large = downloadJob('/large', numbers(LARGE))
  const near = connectorTo({ port: ports.http })
  const far = connectorTo({ port: ports.distant })
  const secure = { ca: readFileSync(certificate) }
  const streams = [quick, quick, quick, slow]

  const start: Record<SoakKind, () => Promise<void>[]> = {
    direct: () => times(direct, () => keep('direct', quick, near)),
    distant: () => times(distant, () => keep('distant', quick, far)),
    connection: () => times(FEW, () => connectionClient(single, near, runOf('connection'))),
    pipelined: () => times(FEW, () => keep('pipelined', pipelinedJob('/numbered', BURST), near)),
    split: () =>
      times(SPLITTING, (index) =>
        splittingClient('/numbered', index, index % 2 === 0 ? near : far, runOf('split')),
      ),
    slow: () => times(FEW, () => keep('slow', slow, far)),
    // Half of the uploads state their length, the others are chunked.
    upload: () => times(FEW, (index) => keep('upload', uploadJob('/upload', index % 2 === 1), far)),
    reader: () => times(FEW, () => keep('reader', large, sippingConnector({ port: ports.http }))),
    tls: () => {
      const to = { port: ports.https, tls: secure }
      return times(2 * FEW, () => keep('tls', quick, resumingConnector(to, tally.kind('tls'))))
    },
    h2: () => times(FEW, () => h2Client(streams, { port: ports.h2, tls: secure }, runOf('h2'))),
    h2c: () => times(FEW, () => h2Client(streams, { port: ports.h2c }, runOf('h2c'))),
  }
  await Promise.all(kinds.flatMap((kind) => start[kind]()))
}

/** What each of so many clients has to wait between two requests to make `RATE` together. */
function pause(clients: number, roundTrip: number): number {
  return Math.max(0, (clients / RATE) * 1000 - roundTrip)
}

/** Four bytes for each number from 0 on, so that no piece of it is like another. */
function numbers(bytes: number): Buffer {
  return Buffer.from(new Uint32Array(bytes / 4).map((_, index) => index).buffer)
}

function times<Made>(count: number, make: (index: number) => Made): Made[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
