import { Predecessor, sendStarted } from '../../src/handover/predecessor.ts'
import { message } from '../../src/handover/protocol.ts'
import { protocolVersion } from '../../src/system/boot.ts'
import type { PredecessorChannel } from '../../src/system/system.ts'

/** A channel whose other end is held by the test. */
class FakeChannel implements PredecessorChannel {
  readonly sent: [message: object, handle: unknown][] = []
  readonly #messages = new Set<(message: unknown, handle: unknown) => void>()
  readonly #disconnects = new Set<() => void>()

  send(body: object, handle?: unknown): void {
    this.sent.push([body, handle])
  }

  onMessage(listener: (message: unknown, handle: unknown) => void): () => void {
    this.#messages.add(listener)
    return () => this.#messages.delete(listener)
  }

  onDisconnect(listener: () => void): () => void {
    this.#disconnects.add(listener)
    return () => this.#disconnects.delete(listener)
  }

  disconnect(): void {
    for (const listener of this.#disconnects) listener()
  }

  says(value: unknown, handle?: unknown): void {
    for (const listener of this.#messages) listener(value, handle)
  }
}

let channel: FakeChannel
let tookOver: boolean
let predecessor: Predecessor
beforeEach(() => {
  channel = new FakeChannel()
  tookOver = false
  predecessor = new Predecessor(channel, 77, () => tookOver)
})

test('each message is sent as the protocol defines it', () => {
  const handle = {}
  predecessor.sendStarted()
  predecessor.sendSpare('tcp://*:1', handle)
  predecessor.sendReady()
  predecessor.sendAccepts()
  predecessor.sendStopping()
  predecessor.sendAlive(3)
  predecessor.sendTaken([1, 2])
  predecessor.sendDeclined([4], false)
  predecessor.sendLiveAnswer(5, true)
  predecessor.sendCaughtUp()
  expect(channel.sent).toEqual([
    [message({ type: 'started' }), undefined],
    [message({ type: 'spare', listener: 'tcp://*:1' }), handle],
    [message({ type: 'ready' }), undefined],
    [message({ type: 'accepts' }), undefined],
    [message({ type: 'stopping' }), undefined],
    [message({ type: 'alive', id: 3 }), undefined],
    [message({ type: 'taken', ids: [1, 2] }), undefined],
    [message({ type: 'declined', ids: [4], listening: false }), undefined],
    [message({ type: 'live-answer', id: 5, taken: true }), undefined],
    [message({ type: 'caught-up' }), undefined],
  ])
  expect(channel.sent[1]![1]).toBe(handle)
})

test.each([
  ['it has handed over', () => (tookOver = true), true],
  ['it is gone', () => channel.disconnect(), false],
])('messages for a serving predecessor are not sent when %s', (_when, end, connected) => {
  expect([predecessor.connected, predecessor.serves]).toEqual([true, true])
  const tell = (): boolean => {
    predecessor.sendNotReady('no database')
    predecessor.sendTakes({ streams: true, webSockets: ['/ws'] })
    return predecessor.sendRestart()
  }
  expect(tell()).toBe(true)
  const told = [
    [message({ type: 'not-ready', reason: 'no database' }), undefined],
    [message({ type: 'takes', streams: true, webSockets: ['/ws'] }), undefined],
    [message({ type: 'restart' }), undefined],
  ]
  expect(channel.sent).toEqual(told)
  end()
  expect([predecessor.connected, predecessor.serves]).toEqual([connected, false])
  expect(tell()).toBe(false)
  expect(channel.sent).toEqual(told)
})

test('messages are dispatched by type, with their handle, until the release', () => {
  const heard: unknown[] = []
  const release = predecessor.on('live-handle', ({ id }, handle) => heard.push([id, handle]))
  channel.says(message({ type: 'serve' }))
  channel.says(message({ type: 'live-handle', id: 1 }), 'a handle')
  channel.says({ zerodrop: protocolVersion, type: 'live-handle', id: 'wrong' })
  release()
  channel.says(message({ type: 'live-handle', id: 2 }))
  expect(heard).toEqual([[1, 'a handle']])
})

test('only unreadable messages are reported', () => {
  const errors: unknown[] = []
  const release = predecessor.onUnreadable((error) => errors.push(error))
  channel.says(message({ type: 'serve' }))
  channel.says('of the application')
  channel.says({ zerodrop: protocolVersion, type: 'ask' })
  channel.says({ zerodrop: protocolVersion + 1, type: 'serve' })
  release()
  channel.says({ zerodrop: protocolVersion, type: 'ask' })
  expect(errors).toEqual([
    expect.objectContaining({
      code: 'ERR_ZERODROP_PROTOCOL_MISMATCH',
      message: expect.stringMatching(
        /^The predecessor \(pid 77\) sent a message of type "ask" .* It was ignored/,
      ),
    }),
    expect.objectContaining({
      message: expect.stringContaining(`speaks version ${protocolVersion + 1}`),
    }),
  ])
})

test('the end of the predecessor is reported once it happens', async () => {
  const heard: string[] = []
  const release = predecessor.onDisconnect(() => heard.push('released'))
  predecessor.onDisconnect(() => heard.push('gone'))
  void predecessor.gone.then(() => heard.push('resolved'))
  release()
  await Promise.resolve()
  expect(heard).toEqual([])
  channel.disconnect()
  await predecessor.gone
  expect(heard).toEqual(['gone', 'resolved'])
})

test('a process that waits for its turn can report that it has started', () => {
  sendStarted(channel)
  expect(channel.sent).toEqual([[message({ type: 'started' }), undefined]])
})
