import { closeSync, openSync } from 'node:fs'
import { freeDescriptors } from '../../src/system/free-descriptors.ts'

const describeLinux = process.platform === 'linux' ? describe : describe.skip

describeLinux('the free descriptors of this process', () => {
  test('are counted if the size of the table leaves too few', () => {
    const before = freeDescriptors(Infinity)!
    const opened = Array.from({ length: 50 }, () => openSync('/dev/null', 'r'))
    const during = freeDescriptors(Infinity)!
    for (const fd of opened) closeSync(fd)
    expect(during.limit).toBe(before.limit)
    expect(before.free - during.free).toBe(50)
  })

  test('are at least as many as the size of the table leaves', () => {
    const { free, limit } = freeDescriptors(0)!
    expect(free).toBeLessThanOrEqual(freeDescriptors(Infinity)!.free)
    expect(free).toBeLessThan(limit)
  })
})
