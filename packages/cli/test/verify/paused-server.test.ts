import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { isStopped, processEntry } from '../../src/verify/server/proc.ts'
import type { ProcessEntry } from '../../src/verify/server/proc.ts'
import { SignalWatch } from '../../src/verify/server/signal-watch.ts'
import { thaw } from '../../src/verify/server/thaw.ts'
import { until } from '../../src/verify/until.ts'
import { describeLinux, undo } from './support/verify.ts'

afterEach(() => undo.disposeAll())

/** A Node process that runs a program, and is paused when the program has printed something. */
async function paused(program: string = "process.on('SIGHUP', () => {}); console.log('up')"): Promise<{
  entry: ProcessEntry
  nextLine: () => Promise<string>
}> {
  const script = `setInterval(() => {}, 1000); ${program}`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  undo.add(async () => {
    if (child.kill('SIGKILL')) await once(child, 'exit')
  })
  const nextLine = async (): Promise<string> => String((await once(child.stdout, 'data'))[0])
  await nextLine()
  const pid = child.pid as number
  process.kill(pid, 'SIGSTOP')
  await until(() => isStopped(pid) || undefined, Infinity)
  return { entry: processEntry(pid) as ProcessEntry, nextLine }
}

describeLinux('SignalWatch', () => {
  test.each(['SIGHUP', 'SIGTERM', 'SIGCONT'] as const)('sees a %s to a paused process', async (signal) => {
    const { entry } = await paused()
    const watch = new SignalWatch([entry])
    expect(watch.isSignalled()).toBe(false)
    process.kill(entry.pid, signal)
    expect(await until(() => watch.isSignalled() || undefined, Infinity)).toBe(true)
  })

  test('sees the end of a paused process', async () => {
    const { entry } = await paused()
    const watch = new SignalWatch([entry])
    process.kill(entry.pid, 'SIGKILL')
    expect(await until(() => watch.isSignalled() || undefined, Infinity)).toBe(true)
  })

  test('does not count a signal that was pending before, nor one that no deploy sends', async () => {
    const { entry } = await paused()
    process.kill(entry.pid, 'SIGHUP')
    const watch = new SignalWatch([entry])
    process.kill(entry.pid, 'SIGWINCH')
    process.kill(entry.pid, 'SIGHUP')
    expect(watch.isSignalled()).toBe(false)
  })
})

describeLinux('thaw()', () => {
  test('continues the process that has the signal first, and the others when it sleeps again', async () => {
    const now = 'console.log(String(process.hrtime.bigint()))'
    const busy = 'const end = Date.now() + 100; while (Date.now() < end);'
    const master = await paused(`process.on('SIGHUP', () => { ${busy} ${now} }); console.log('up')`)
    const worker = await paused(`process.on('SIGCONT', () => ${now}); console.log('up')`)
    const entries = [master.entry, worker.entry]
    const thawAll = (): void => {
      for (const { pid } of entries) process.kill(pid, 'SIGCONT')
    }
    const watch = new SignalWatch(entries)
    process.kill(master.entry.pid, 'SIGHUP')
    expect(watch.signalled).toEqual([master.entry.pid])
    const lines = [master.nextLine(), worker.nextLine()] as const
    await thaw({ members: () => entries, thaw: thawAll }, watch.signalled)
    const [handled, continued] = await Promise.all(lines)
    expect(BigInt(handled)).toBeLessThan(BigInt(continued))
  })
})
