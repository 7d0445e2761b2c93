import { spareGroup } from '../../src/system/spare-group.ts'

describe('spareGroup', () => {
  test.each([0, '0'])('sends no signal to the process group in process.kill(%j)', (pid) => {
    const spared: string[] = []
    const release = spareGroup((signal) => spared.push(signal))
    try {
      expect(process.kill(pid as number)).toBe(true)
      expect(process.kill(pid as number, 'SIGHUP')).toBe(true)
      expect(process.kill(pid as number, 9)).toBe(true)
    } finally {
      release()
    }
    expect(spared).toEqual(['SIGTERM', 'SIGHUP', 'SIGKILL'])
  })

  test('passes on calls that target other processes, only probe, or are invalid', () => {
    const calls: unknown[][] = []
    const kill = jest.spyOn(process, 'kill').mockImplementation((...args) => {
      calls.push(args)
      return true
    })
    const spared: string[] = []
    const release = spareGroup((signal) => spared.push(signal))
    try {
      process.kill(0, 0)
      process.kill(12, 'SIGTERM')
      process.kill(-12, 'SIGTERM')
      process.kill(0, 'SIGNONE')
    } finally {
      release()
      kill.mockRestore()
    }
    expect(calls).toEqual([
      [0, 0],
      [12, 'SIGTERM'],
      [-12, 'SIGTERM'],
      [0, 'SIGNONE'],
    ])
    expect(spared).toEqual([])
  })
})
