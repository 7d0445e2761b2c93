import { setTimeout as delay } from 'node:timers/promises'
import type { Situation } from './situation.ts'

export const halfHead: Situation = {
  name: 'half-head',
  title: 'half a request head',
  does: 'one client has sent the first half of a request head, and sends the rest half a round trip after the signal',
  judges: 'the request is answered',
  at: ['stop', 'restart'],
  spansEvent: true,
  cures: { lost: 'race', reset: 'race' },
  async act(stage) {
    const client = await stage.connect()
    const path = stage.route('get')
    const note = stage.ledger.open('client', `GET ${path}, in two halves`)
    client.write(`GET ${path} HTTP/1.1\r\nHo`)
    await stage.taken(client)
    await stage.event()
    await stage.delivered()
    await delay(stage.settings.roundTrip / 2)
    await stage.watch(note, 'get', () => {
      client.write('st: verify\r\n\r\n')
      return client.nextResponse(stage.settings.limit)
    })
  },
}

export const stalledHead: Situation = {
  name: 'stalled-head',
  title: 'request head that never ends',
  does: 'one client has sent half of a request head, and nothing after it',
  judges: 'the server closes the connection, and ends in time',
  at: ['stop', 'restart'],
  cuts: true,
  cures: { running: 'idle' },
  async act(stage) {
    const client = await stage.connect()
    const note = stage.ledger.open('client', 'half a request head')
    client.write(`GET ${stage.route('get')} HTTP/1.1\r\nHo`)
    await stage.taken(client)
    await stage.event()
    note((await stage.untilEnded(client)) === 'kept' ? 'kept' : 'ended')
  },
}

export const silent: Situation = {
  name: 'silent',
  title: 'silent connection',
  does: 'one client has connected and says nothing',
  judges: 'the server closes the connection, and ends in time',
  at: ['stop', 'restart'],
  cures: { running: 'idle' },
  async act(stage) {
    const client = await stage.connect()
    const note = stage.ledger.open('client', 'a connection')
    await stage.taken(client)
    await stage.event()
    note((await stage.untilEnded(client)) === 'kept' ? 'kept' : 'ended')
  },
}
