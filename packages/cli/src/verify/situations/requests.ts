import { responseHead } from '../clients/response-head.ts'
import { withoutKeepAlive } from './situation.ts'
import type { Situation } from './situation.ts'

export const inFlight: Situation = {
  name: 'in-flight',
  title: 'slow request in flight',
  does: 'one client waits for a slow response',
  judges: 'the response arrives whole',
  at: ['stop', 'restart'],
  needs: ['slow'],
  spansEvent: true,
  async act(stage) {
    const client = await stage.connect()
    const asked = stage.ask(client, 'client', 'slow')
    await stage.taken(client)
    await stage.event()
    await asked
  },
}

export const responseInProgress: Situation = {
  name: 'response-in-progress',
  title: 'response in progress',
  does: 'one client has received the beginning of a response',
  judges: 'the rest arrives',
  at: ['stop', 'restart'],
  skip: ({ routes }, { slowStreams }) =>
    slowStreams || routes.large !== undefined
      ? undefined
      : 'it needs --large, or a --slow route that sends its response piece by piece',
  spansEvent: true,
  async act(stage) {
    const route = stage.findings.slowStreams ? 'slow' : 'large'
    const client = await stage.connect()
    const head = responseHead(client, stage.settings.limit)
    const asked = stage.ask(client, 'client', route)
    await head
    if (route === 'large') client.pause()
    await stage.event()
    client.resume()
    await asked
  },
}

export const pipelining: Situation = {
  name: 'pipelining',
  title: 'pipelined requests',
  does: 'one client has written four requests at once on a kept connection',
  judges: 'all four are answered, in order',
  at: ['stop', 'restart'],
  skip: withoutKeepAlive,
  async act(stage) {
    const client = await stage.connect()
    // Without it, the server might be paused before it has accepted the connection: that is the accept queue's situation.
    await client.request({ path: stage.route('get') })
    await stage.freeze()
    client.socket.cork()
    const asked = [1, 2, 3, 4].map((number) => stage.ask(client, `request ${number}`, 'get'))
    client.socket.uncork()
    await stage.arrived(client)
    await stage.event()
    await Promise.all(asked)
  },
}

export const arrived: Situation = {
  name: 'arrived',
  title: 'request not yet read',
  does: 'one client has written a request on a kept connection, and the server has not read it when the signal comes',
  judges: 'the request is answered',
  at: ['stop', 'restart'],
  skip: withoutKeepAlive,
  spansEvent: true,
  cures: { lost: 'race', reset: 'race' },
  async act(stage) {
    const client = await stage.connect()
    await client.request({ path: stage.route('get') })
    await stage.freeze()
    const asked = stage.ask(client, 'client', 'get')
    await stage.arrived(client)
    await stage.event()
    await asked
  },
}

export const acceptQueue: Situation = {
  name: 'accept-queue',
  title: 'connection in the accept queue',
  does: 'one client has connected and written its request, and the server has not accepted the connection when the signal comes',
  judges: 'the request is answered',
  at: ['stop', 'restart'],
  cures: { lost: 'queue', reset: 'queue' },
  async act(stage) {
    await stage.freeze()
    const asked = stage.connectAndAsk('client')
    await stage.queued(1)
    await stage.event()
    await asked
  },
}

/** Below the backlog of Node's listeners, 511. */
const FLOOD = 200

export const flood: Situation = {
  name: 'flood',
  title: 'flood of connections',
  does: `${FLOOD} clients connect and ask in the moment of the signal`,
  judges: 'each is answered, or gets no connection at all; none is reset',
  at: ['stop', 'restart'],
  cures: { lost: 'queue', reset: 'queue' },
  async act(stage) {
    await stage.freeze()
    const asked = Array.from({ length: FLOOD }, (_, index) => stage.connectAndAsk(`client ${index + 1}`))
    await stage.queued(FLOOD)
    await stage.event()
    await Promise.all(asked)
  },
}
