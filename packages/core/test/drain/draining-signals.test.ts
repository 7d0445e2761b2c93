import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import { DrainingSignals } from '../../src/drain/draining-signals.ts'

const [one, two] = [{}, {}] as [Server, Server]
/** An HTTP/2 request, which ends when its stream closes. */
const request = (socket = {} as Socket): IncomingMessage =>
  ({ socket, stream: new EventEmitter() }) as unknown as IncomingMessage

let signals: DrainingSignals
beforeEach(() => {
  signals = new DrainingSignals()
})

test('a request has one signal, aborted when its server drains', () => {
  const asking = request()
  const signal = signals.of(asking, one, false)
  expect(signals.of(asking, one, false)).toBe(signal)
  signals.abort(two)
  expect(signal.aborted).toBe(false)
  signals.abort(one)
  expect([signal.aborted, signal.reason]).toEqual([
    true,
    expect.objectContaining({ code: 'ERR_ZERODROP_DRAINING' }),
  ])
})

test('the signal of a request is aborted from the start if its server is already draining', () => {
  expect(signals.of(request(), one, true).aborted).toBe(true)
})

test('the signal of a spared request is aborted later, through its connection', () => {
  const socket = {} as Socket
  const signal = signals.of(request(socket), one, false)
  signals.abort(one, () => true)
  expect(signal.aborted).toBe(false)
  signals.abortOn(socket)
  expect(signal.aborted).toBe(true)
})

test('reports which requests are watched', () => {
  const asking = request()
  signals.of(asking, one, false)
  expect([signals.isWatched(asking), signals.isWatched(request())]).toEqual([true, false])
})
