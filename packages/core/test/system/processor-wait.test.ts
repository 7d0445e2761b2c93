import { processorWait } from '../../src/system/processor-wait.ts'

const describeLinux = process.platform === 'linux' ? describe : describe.skip

describeLinux('how long a process has waited for a processor', () => {
  test('the processor wait only grows', () => {
    const before = processorWait(process.pid)!
    const end = performance.now() + 20
    while (performance.now() < end);
    expect(before).toBeGreaterThanOrEqual(0)
    expect(processorWait(process.pid)).toBeGreaterThanOrEqual(before)
  })
})

test('the processor wait of a missing process is unknown', () => {
  expect(processorWait(2 ** 30)).toBeUndefined()
})
