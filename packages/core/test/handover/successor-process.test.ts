import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { SuccessorProcess } from '../../src/handover/successor-process.ts'
import { FakeSystem } from '../fake-system.ts'

class FakeChild extends EventEmitter {
  readonly pid = 7
  connected = true
  exitCode: number | null = null
  signalCode: NodeJS.Signals | null = null
  readonly kills: string[] = []

  kill(signal: string): void {
    this.kills.push(signal)
  }
}

let child: FakeChild
let successor: SuccessorProcess
beforeEach(() => {
  child = new FakeChild()
  successor = new SuccessorProcess(child as unknown as ChildProcess & { pid: number }, 3)
})

test('reports how the process ended', () => {
  expect([successor.exit, successor.ending]).toEqual([undefined, 'closed the channel to this process'])
  child.exitCode = 1
  expect([successor.exit, successor.ending]).toEqual([{ code: 1, signal: null }, 'exited with code 1'])
  child.exitCode = null
  child.signalCode = 'SIGKILL'
  expect(successor.ending).toBe('was ended by SIGKILL')
})

test('calls back when the channel closes, or at once if it is already closed', () => {
  let gone = 0
  successor.onGone(() => gone++)
  expect(gone).toBe(0)
  child.connected = false
  child.emit('disconnect')
  successor.onGone(() => gone++)
  expect(gone).toBe(2)
})

test('an error of the child process does not throw in this process', () => {
  expect(() => child.emit('error', new Error('kill EPERM'))).not.toThrow()
})

test('a dismissed process is killed one minute after its deadline', async () => {
  const system = new FakeSystem()
  const ended = successor.ended(system, 10_000)
  system.advance(69_999)
  expect(child.kills).toEqual([])
  system.advance(1)
  expect(child.kills).toEqual(['SIGKILL'])
  child.emit('exit')
  await ended
  expect(system.timers).toBe(0)
})
