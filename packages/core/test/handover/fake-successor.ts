import { protocolVersion } from '../../src/system/boot.ts'
import type { Successor } from '../../src/handover/successor.ts'
import { type ReadyOptions, spawnSuccessor, waitUntilReady } from '../../src/handover/successor-start.ts'
import type { Inheritance } from '../../src/listeners/inheritance.ts'
import { FakeSystem } from '../fake-system.ts'

/** The address of a server that listens on all interfaces. */
export const address = (port: number) => ({ requested: `tcp://*:${port}`, bound: `tcp://[::]:${port}` })
/** The sockets that the successor inherits. */
export const inheritance: Inheritance = {
  version: protocolVersion,
  generation: 7,
  pid: 4242,
  listeners: [
    { fd: 21, ...address(3000) },
    { fd: 18, ...address(9090) },
  ],
}

/** The system of the running test. Its child process is the successor. */
export let system: FakeSystem
/** Aborts the wait of the running test. */
export let stop: AbortController
beforeEach(() => {
  system = new FakeSystem()
  stop = new AbortController()
})
afterEach(() => {
  if (system.timers > 0) throw new Error('a timer was left running')
})

export const spawned = () => spawnSuccessor(system, inheritance, {})
/** Resolves after an event loop tick. */
export const options = (readyTimeout: number, manualReady = false): ReadyOptions => ({
  readyTimeout,
  manualReady,
  begun: system.now(),
  abort: stop.signal,
  ticketKeys: () => [],
})
export const watch = (successor: Successor, readyTimeout = 60_000, manualReady = false) =>
  waitUntilReady(system, successor, options(readyTimeout, manualReady))
/** Spawns a successor and begins to wait until it is ready. */
export const start = async (readyTimeout?: number) => {
  const successor = await spawned()
  const ready = watch(successor, readyTimeout)
  ready.catch(() => {})
  return { successor, ready }
}
/** An error with this code, whose message matches. */
export const failure = (code: string, text: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(text) })
