import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { isStopped, processEntry } from '../../src/verify/server/proc.ts'
import type { ProcessEntry } from '../../src/verify/server/proc.ts'
import { SignalWatch } from '../../src/verify/server/signal-watch.ts'
import { until } from '../../src/verify/until.ts'
import { describeLinux, undo } from './support/verify.ts'

afterEach(() => undo.disposeAll())

/** A Node process that handles SIGHUP and is paused. */
async function paused(): Promise<ProcessEntry> {
  const program = "process.on('SIGHUP', () => {}); setInterval(() => {}, 1000); console.log('up')"
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  undo.add(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  await once(child.stdout, 'data')
  const pid = child.pid as number
  process.kill(pid, 'SIGSTOP')
  await until(() => isStopped(pid) || undefined, Infinity)
  return processEntry(pid) as ProcessEntry
}

describeLinux('SignalWatch', () => {
  test.each(['SIGHUP', 'SIGTERM', 'SIGCONT'] as const)('sees a %s to a paused process', async (signal) => {
    const entry = await paused()
    const watch = new SignalWatch([entry])
    expect(watch.isSignalled()).toBe(false)
    process.kill(entry.pid, signal)
    expect(await until(() => watch.isSignalled() || undefined, Infinity)).toBe(true)
  })

  test('sees the end of a paused process', async () => {
    const entry = await paused()
    const watch = new SignalWatch([entry])
    process.kill(entry.pid, 'SIGKILL')
    expect(await until(() => watch.isSignalled() || undefined, Infinity)).toBe(true)
  })

  test('does not count a signal that was pending before, nor one that no deploy sends', async () => {
    const entry = await paused()
    process.kill(entry.pid, 'SIGHUP')
    const watch = new SignalWatch([entry])
    process.kill(entry.pid, 'SIGWINCH')
    process.kill(entry.pid, 'SIGHUP')
    expect(watch.isSignalled()).toBe(false)
  })
})
