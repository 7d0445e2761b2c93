import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { HandleChannel } from '../../src/handover/handle-channel.ts'
import { turn } from '../turns.ts'

type Sent = (error: Error | null) => void

/** One end of a channel, whose receipts the test scripts. It has no queue, as on platforms other than Linux. */
class FakeChild extends EventEmitter {
  connected = true
  readonly sent: { body: object; handle: unknown; done: Sent }[] = []

  send(body: object, handle: unknown, _options: object, done: Sent): void {
    this.sent.push({ body, handle, done })
  }

  disconnect(): void {}
}

let child: FakeChild
let handles: HandleChannel
beforeEach(() => {
  child = new FakeChild()
  handles = new HandleChannel(child as unknown as ChildProcess)
})

const receipt = (cmd: string) => child.emit('internalMessage', { cmd })

test('a message counts as sent when Node has sent it', async () => {
  const sent = handles.send({ hello: 1 })
  child.sent[0]?.done(null)
  await sent
  expect(child.sent[0]).toMatchObject({ body: { hello: 1 }, handle: undefined })
})

test('a handle counts as sent when its receipt arrives, and rejects if it was not received', async () => {
  const outcomes = Promise.allSettled([handles.send({}, 'first'), handles.send({}, 'second')])
  for (const { done } of child.sent) done(null)
  receipt('NODE_HANDLE_ACK')
  receipt('NODE_HANDLE_NACK')
  expect(await outcomes).toEqual([
    { status: 'fulfilled', value: undefined },
    {
      status: 'rejected',
      reason: expect.objectContaining({ message: expect.stringContaining('could not receive') }),
    },
  ])
})

test('other internal messages are not receipts', async () => {
  let received = false
  const sent = handles.send({}, 'a handle').then(() => {
    received = true
  })
  receipt('NODE_CLUSTER')
  await turn()
  expect(received).toBe(false)
  receipt('NODE_HANDLE_ACK')
  await sent
})

test('pending receipts reject when the channel closes', async () => {
  const outcome = handles.send({}, 'a handle').catch((error: Error) => error.message)
  child.emit('disconnect')
  expect(await outcome).toBe('the channel is closed')
})

test('only one handle is in flight at a time if Node has no handle queue', () => {
  expect(handles.atOnce).toBe(1)
})
