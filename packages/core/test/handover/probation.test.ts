import { message } from '../../src/handover/protocol.ts'
import { protocolVersion } from '../../src/system/boot.ts'
import { spawnSuccessor } from '../../src/handover/successor-start.ts'
import { waitForProbation } from '../../src/handover/probation.ts'
import { FakeSystem } from '../fake-system.ts'

let system: FakeSystem
beforeEach(() => {
  system = new FakeSystem()
})
afterEach(() => {
  if (system.timers > 0) throw new Error('a timer was left running')
})

async function start() {
  const successor = await spawnSuccessor(
    system,
    { version: protocolVersion, generation: 7, pid: 4242, listeners: [] },
    {},
  )
  system.child.says(message({ type: 'ready' }))
  const stop = new AbortController()
  const proof = waitForProbation(system, successor, 5000, stop.signal)
  proof.catch(() => {})
  return { proof, stop }
}

const failure = (text: RegExp) =>
  expect.objectContaining({ code: 'ERR_ZERODROP_SUCCESSOR_EXITED', message: expect.stringMatching(text) })

test('a successor that stays alive passes probation', async () => {
  const { proof } = await start()
  system.advance(5000)
  await expect(proof).resolves.toBeUndefined()
})

test.each([
  [
    1,
    null,
    /\(generation 7, pid 5151\) exited with code 1 while it was on probation; see what it printed\. This/,
  ],
  [null, 'SIGKILL' as const, /was ended by SIGKILL while it was on probation/],
])('a successor that ends fails probation: code %p, signal %p', async (code, signal, text) => {
  for (const channelFirst of [false, true]) {
    const { proof } = await start()
    if (channelFirst) {
      system.child.connected = false
      system.child.emit('disconnect')
      system.advance(999)
    }
    system.child.exits(code, signal)
    await expect(proof).rejects.toEqual(failure(text))
  }
})

test('a successor that disconnects fails probation', async () => {
  const { proof } = await start()
  system.advance(4999)
  system.child.connected = false
  system.child.emit('disconnect')
  system.advance(1000)
  await expect(proof).rejects.toEqual(failure(/closed the channel to this process while it was on probation/))
})

test('a shutdown ends the wait', async () => {
  const { proof, stop } = await start()
  const reason = new Error('stop')
  stop.abort(reason)
  await expect(proof).rejects.toBe(reason)
})
