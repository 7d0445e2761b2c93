import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { endOf } from '../../src/system/adopted-child.ts'
import { commandOf, processStat } from '../../src/system/process-stat.ts'

test.each([
  [0, [0, null]],
  [7 << 8, [7, null]],
  [9, [null, 'SIGKILL']],
  // With a core dump.
  [11 | 0x80, [null, 'SIGSEGV']],
  [undefined, [null, null]],
])('the wait status %p is %j', (status, end) => {
  expect(endOf(status)).toEqual(end)
})

const describeLinux = process.platform === 'linux' ? describe : describe.skip

describeLinux('/proc', () => {
  test('a process is described correctly, whatever its name', async () => {
    const child = spawn('/bin/sh', ['-c', 'printf ") R 1 " >/proc/self/comm 2>/dev/null; echo; read -r _'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    await once(child.stdout, 'data')
    expect(processStat(child.pid!)).toMatchObject({ parent: process.pid, waitStatus: 0 })
    expect(commandOf(child.pid!)[0]).toBe('/bin/sh')
    child.stdin.end('\n')
    await once(child, 'exit')
  })

  test('a missing process has no description', () => {
    expect(processStat(2 ** 22 + 1)).toBeUndefined()
    expect(commandOf(2 ** 22 + 1)).toEqual([])
  })
})
