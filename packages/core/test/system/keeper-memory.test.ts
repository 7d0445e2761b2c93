import { spawnSync } from 'node:child_process'
import { setFlagsFromString } from 'node:v8'
import { interpretOnly, useLittleMemory } from '../../src/system/keeper-memory.ts'

describe('the memory of a keeper', () => {
  test('this version of Node knows the flags', () => {
    const code = `for (const flag of ${JSON.stringify(interpretOnly)}) require('node:v8').setFlagsFromString(flag)`
    const { status, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  test.each([
    ['20.19.0', interpretOnly],
    ['26.12.1', interpretOnly],
    ['27.0.0', []],
  ])('only a version that is known to have the flags gets them: %s', (node, expected) => {
    const flags: string[] = []
    useLittleMemory(
      node,
      (flag) => void (flag === '--expose-gc' ? setFlagsFromString(flag) : flags.push(flag)),
    )
    expect(flags).toEqual(expected)
  })

  test('it collects garbage that is old', async () => {
    const collect = useLittleMemory(process.versions.node, (flag) => {
      // The others would slow this process down.
      if (flag === '--expose-gc') setFlagsFromString(flag)
    })
    const references = await Promise.resolve([{}]).then(async ([garbage]) => {
      const reference = new WeakRef(garbage as object)
      // The second collection of young objects makes it an old one.
      for (let times = 0; times < 3; times++) await new Promise(setImmediate).then(collect)
      return reference
    })
    await new Promise(setImmediate)
    collect()
    expect(references.deref()).toBeUndefined()
  })
})
