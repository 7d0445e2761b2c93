import type { ToKeeper } from '../../src/system/keeper-protocol.ts'
import { KeptChildren } from '../../src/system/kept-children.ts'

const program = { file: 'node', args: ['node', 'server.js'], cwd: '/', env: {} }

function children(timeout?: number): { children: KeptChildren; sent: ToKeeper[] } {
  const sent: ToKeeper[] = []
  const send = (message: ToKeeper): boolean => sent.push(message) > 0
  return { children: new KeptChildren(send, timeout), sent }
}

test('a start fails if the keeper does not answer, and a successor that comes late is killed', async () => {
  const { children: kept, sent } = children(1)
  await expect(kept.start(program, [])).rejects.toThrow(/has not answered for 1 ms; it may be suspended/)
  const closed: number[] = []
  kept.onStarted({ type: 'started', id: 1, pid: 42 }, { fd: 9, close: () => closed.push(9) })
  expect(sent.slice(1)).toEqual([{ type: 'kill', pid: 42, signal: 'SIGKILL' }])
  expect(closed).toEqual([9])
})

test('a start fails if the descriptor of the channel is lost, and the successor is killed', async () => {
  const { children: kept, sent } = children()
  const start = kept.start(program, [])
  kept.onStarted({ type: 'started', id: 1, pid: 42 }, undefined)
  await expect(start).rejects.toThrow(/could not be opened.*\(EMFILE\)/)
  expect(sent.slice(1)).toEqual([{ type: 'kill', pid: 42, signal: 'SIGKILL' }])
})

test('a start fails with the reason of the keeper', async () => {
  const { children: kept } = children()
  const start = kept.start(program, [])
  kept.onStarted({ type: 'not-started', id: 1, message: 'spawn node ENOENT' }, undefined)
  await expect(start).rejects.toThrow('spawn node ENOENT')
})

test('a start fails if the keeper dies', async () => {
  const { children: kept } = children()
  const start = kept.start(program, [])
  kept.onKeeperGone()
  await expect(start).rejects.toThrow('the keeper is gone')
})
