import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, type Leftovers, startDelayProxy } from '@zerodrop/traffic'
import { Generations } from '../generations.ts'
import type { Progress } from '../progress.ts'
import { repository } from '../repository.ts'
import type { StreamsOptions } from './arguments.ts'
import { EventClient } from './event-client.ts'
import { StreamTally } from './tally.ts'
import { WebSocketClient } from './web-socket-client.ts'

/** Clients that are opened at once: more would wait in the server's queue. */
const batch = 50

/** Milliseconds that an answer may take at the end. */
const finishTimeout = 10_000

export interface StreamsOutcome {
  readonly restarts: number
  readonly seconds: number
  readonly tallies: Readonly<Record<string, StreamTally>>
  readonly problem: Error | undefined
}

/** Restarts a server under clients that hold one connection each, and tells what they have noticed. */
export async function runStreamsSoak(
  { clients, restarts, pause, keeper }: StreamsOptions,
  { undo, progress, interrupted }: { undo: Leftovers; progress: Progress; interrupted: AbortSignal },
): Promise<StreamsOutcome> {
  const port = await freePort()
  const file = path.join(repository, 'packages/conformance/fixtures/soak/streams.mjs')
  const env = { PORT: String(port), EPOCH: String(Date.now()), PERIOD: '40' }
  const generations = await Generations.start({ file, env, keeper }, undo)
  const proxy = await startDelayProxy({ targetPort: port, roundTrip: 30 })
  undo.add(() => proxy.close())
  const webSockets = {
    echoes: new StreamTally(),
    answers: new StreamTally(),
    pushes: new StreamTally(),
    pings: new StreamTally(),
  }
  const events = new StreamTally()
  const portOf = (index: number): number => (index % 2 === 0 ? port : proxy.port)
  progress.step(() => `Opening ${clients} WebSockets and ${clients} event streams`)
  const sockets = await openAll(clients, (index) =>
    WebSocketClient.open(portOf(index), `WebSocket ${index}`, webSockets),
  )
  const streams = await openAll(clients, (index) =>
    EventClient.open(portOf(index), `event stream ${index}`, events),
  )
  progress.done(`${clients} WebSockets and ${clients} event streams are open`)
  const begun = performance.now()
  let done = 0
  let problem: Error | undefined
  progress.step(() => `Restart ${done + 1} of ${restarts}`)
  try {
    for (; done < restarts && !interrupted.aborted; done++) {
      await delay(pause)
      await generations.restart()
    }
    await delay(pause)
  } catch (error) {
    problem = error as Error
  }
  await Promise.all(sockets.map((socket) => socket.finish(finishTimeout)))
  for (const stream of streams) stream.end()
  const seconds = (performance.now() - begun) / 1000
  await generations.end().catch((error: unknown) => (problem ??= error as Error))
  progress.stop()
  return { restarts: done, seconds, tallies: { ...webSockets, events }, problem }
}

async function openAll<Client>(count: number, open: (index: number) => Promise<Client>): Promise<Client[]> {
  const clients: Client[] = []
  while (clients.length < count) {
    const indexes = Array.from(
      { length: Math.min(batch, count - clients.length) },
      (_, each) => clients.length + each,
    )
    clients.push(...(await Promise.all(indexes.map(open))))
  }
  return clients
}
