import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { requestOn, StreamFailure } from '../clients/h2.ts'
import { responseHead } from '../clients/response-head.ts'
import { outcomeOf } from '../outcome.ts'
import { serverEnd } from '../server/sockets.ts'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'
import { NothingToJudge } from './situation.ts'
import type { Situation } from './situation.ts'

/**
 * How long the slow reader reads slowly after the event, in milliseconds. Between the deadlines that servers have, such as 1 and
 * 5 seconds, so that a busy machine does not change the verdict.
 */
const SLOW_FOR = 2000

export const slowReader: Situation = {
  name: 'slow-reader',
  title: 'slow reader of a large response',
  does: 'one client has received the beginning of a large response, and reads the rest slowly',
  judges: 'the response arrives whole',
  at: ['stop', 'restart'],
  needs: ['large'],
  spansEvent: true,
  async act(stage) {
    const client = await stage.connect()
    const head = responseHead(client, stage.settings.limit)
    const asked = stage.ask(client, 'client', 'large')
    await head
    client.pause()
    if (!(await isWaiting(stage, client.localPort)))
      throw new NothingToJudge(
        `the response of ${stage.route('large')} fits into the socket's buffers: name a larger one with --large`,
      )
    await stage.event()
    const end = performance.now() + SLOW_FOR
    // Node reads up to 2 MB in one tick unless the first chunk pauses the socket.
    const afterChunk = (): void => client.pause()
    client.socket.on('data', afterChunk)
    while (performance.now() < end && client.open) {
      client.resume()
      await delay(20)
    }
    client.socket.off('data', afterChunk)
    client.resume()
    await asked
  },
}

/** Whether the server's kernel holds bytes that this client has not acknowledged. */
async function isWaiting(stage: Stage, clientPort: number): Promise<boolean> {
  const { port } = stage.findings.address
  const waiting = async (): Promise<true | undefined> =>
    ((await serverEnd(port, clientPort))?.unsent ?? 0) > 0 || undefined
  return (await until(waiting, performance.now() + 1000)) ?? false
}

const STREAMS = 3

export const http2Streams: Situation = {
  name: 'http2-streams',
  title: 'HTTP/2 streams',
  does: `one client has ${STREAMS} streams open on one HTTP/2 session`,
  judges: 'every stream is answered, or named as not processed',
  at: ['stop', 'restart'],
  needs: ['h2'],
  cures: { lost: 'http2', reset: 'http2', cut: 'http2' },
  async act(stage) {
    const route = stage.settings.routes.slow === undefined ? 'get' : 'slow'
    const session = await stage.connectHttp2()
    await requestOn(session, stage.route('get')).answer
    if (route === 'get') await stage.freeze()
    const asked = Array.from({ length: STREAMS }, async (_, index) => {
      const note = stage.ledger.open(`stream ${index + 1}`, `GET ${stage.route(route)}`)
      try {
        const { status } = await requestOn(session, stage.route(route)).answer
        note(outcomeOf(status, stage.findings.statuses[route] ?? 200))
      } catch (error) {
        if (!(error instanceof StreamFailure)) throw error
        note(error.refused ? 'refused' : error.begun ? 'cut' : 'lost', error.message)
      }
    })
    // Node writes the frames in a later event loop tick.
    await turn()
    await turn()
    if (route === 'slow')
      await stage.taken({ socket: session.socket, localPort: session.socket.localPort ?? 0 })
    await stage.event()
    await Promise.all(asked)
  },
}

export const webSocket: Situation = {
  name: 'websocket',
  title: 'WebSocket',
  does: 'one client has a WebSocket open',
  judges: 'it is closed with a close frame, such as 1001 or 1012, or it stays open in a restart',
  at: ['stop', 'restart'],
  needs: ['ws'],
  cures: { cut: 'websocket', running: 'websocket' },
  async act(stage) {
    const socket = await stage.connectWebSocket()
    const note = stage.ledger.open('client', `WebSocket ${stage.route('ws')}`)
    const closed = new Promise<number>((resolve) => socket.once('close', resolve))
    await stage.event()
    const code = await Promise.race([closed, stage.untilOver().then(() => undefined)])
    if (code === undefined) note('kept')
    else if (code === 1006) note('cut', 'code 1006')
    else note('answered', `close code ${code}`)
  },
}

export const eventStream: Situation = {
  name: 'event-stream',
  title: 'event stream',
  does: 'one client has an event stream open',
  judges: 'the stream gets a proper end, or stays open in a restart',
  at: ['stop', 'restart'],
  needs: ['sse'],
  cures: { cut: 'stream', running: 'stream' },
  async act(stage) {
    const client = await stage.connect()
    const head = responseHead(client, stage.settings.limit)
    const note = stage.ledger.open('client', `GET ${stage.route('sse')}`)
    const response = client.request({
      path: stage.route('sse'),
      headers: { accept: 'text/event-stream' },
      timeout: 2 * stage.settings.limit,
    })
    response.catch(() => {})
    await head
    await stage.event()
    await Promise.race([
      stage.watch(note, 'sse', () => response),
      stage.untilOver().then(() => (client.open ? note('kept') : undefined)),
    ])
  },
}
