import type { ChildProcess } from 'node:child_process'
import { Outbox } from '../../src/handover/outbox.ts'
import { message } from '../../src/handover/protocol.ts'
import { FakeChild } from '../fake-system.ts'

const offer = { type: 'connection', id: 1, listener: 'tcp://*:1', used: true, requests: 0 } as const
const connection = message(offer)
const catchUp = message({ type: 'catch-up' })

let child: FakeChild
let outbox: Outbox
beforeEach(() => {
  child = new FakeChild()
  outbox = new Outbox(Object.assign(child, { disconnect() {} }) as unknown as ChildProcess)
})

const sendText = (bytes: number) => outbox.send({ type: 'late', id: 1, call: 'x'.repeat(bytes) })
/** Sends a connection, whose receipt never arrives. */
const sendHandle = () => {
  const sent = outbox.send(offer, {})
  sent.catch(() => {})
  return sent
}
const tick = () => new Promise((resolve) => setImmediate(resolve))

test('sends a handle at once after short messages', async () => {
  for (let each = 0; each < 5; each++) await sendText(100)
  void sendHandle()
  expect(child.sent.at(-1)).toEqual(connection)
})

test('sends handles after long messages only once the successor has read the messages', async () => {
  await sendText(60_000)
  void sendHandle()
  void sendHandle()
  await tick()
  expect(child.sent.slice(1)).toEqual([catchUp])
  outbox.caughtUp()
  await tick()
  expect(child.sent.slice(2)).toEqual([connection, connection])
})

test('asks again if there were more long messages in the meantime', async () => {
  await sendText(60_000)
  void sendHandle()
  await sendText(60_000)
  outbox.caughtUp()
  await tick()
  expect(child.sent.at(-1)).toEqual(catchUp)
  outbox.caughtUp()
  await tick()
  expect(child.sent.at(-1)).toEqual(connection)
})

test('rejects if the successor exits before it has read the messages', async () => {
  await sendText(60_000)
  const sent = sendHandle()
  child.exits(1)
  await expect(sent).rejects.toThrow('channel')
})

test('ignores an unexpected answer', async () => {
  outbox.caughtUp()
  await sendText(60_000)
  outbox.caughtUp()
  void sendHandle()
  await tick()
  expect(child.sent.at(-1)).toEqual(catchUp)
})
