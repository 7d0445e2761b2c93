import { constants } from 'node:os'
import { defaultSignalTable, exitStatus, survivedSignals } from '../../src/signals/signal-actions.ts'
import { signalPresets } from '../../src/signals/presets.ts'
import { allSignals, checkSignal, checkSignalExists } from '../../src/signals/signal-name.ts'
import { watchSignals } from '../../src/signals/signal-watch.ts'
import { FakeSystem } from '../fake-system.ts'

const check = (name: string) => () => checkSignal(name)
const unknown = (message: string) => expect.objectContaining({ code: 'ERR_ZERODROP_SIGNAL_UNKNOWN', message })
const uncatchable = ['SIGKILL', 'SIGSTOP']

describe('checkSignal', () => {
  test('accepts every signal that a process can handle on this platform', () => {
    const names = Object.keys(constants.signals).filter((name) => !uncatchable.includes(name))
    for (const name of names) expect(check(name)).not.toThrow()
  })

  test.each([
    ['SIGKILL', 'SIGTERM'],
    ['SIGSTOP', 'SIGTSTP'],
  ])('rejects %s, which no process can handle, and suggests %s', (name, instead) => {
    expect(check(name)).toThrow(
      expect.objectContaining({
        code: 'ERR_ZERODROP_SIGNAL_UNSUPPORTED',
        message: `${name} cannot be handled by any process: the kernel acts on it. Use ${instead}.`,
      }),
    )
  })

  test.each([
    ['sigterm', 'SIGTERM'],
    ['TERM', 'SIGTERM'],
    ['term', 'SIGTERM'],
    ['Int', 'SIGINT'],
    ['hup', 'SIGHUP'],
    ['SIGTREM', 'SIGTERM'],
    ['SIGUP', 'SIGHUP'],
    ['SIG_HUP', 'SIGHUP'],
    ['USR2', 'SIGUSR2'],
    ['15', 'SIGTERM'],
  ])('%s: did you mean %s?', (name, meant) => {
    expect(check(name)).toThrow(unknown(`There is no signal "${name}". Did you mean ${meant}?`))
  })

  test.each([
    ['kill', 'SIGKILL', 'SIGTERM'],
    ['SIGKIL', 'SIGKILL', 'SIGTERM'],
    ['9', 'SIGKILL', 'SIGTERM'],
    ['stop', 'SIGSTOP', 'SIGTSTP'],
  ])('%s: %s cannot be handled, did you mean %s?', (name, uncatchable, meant) => {
    expect(check(name)).toThrow(
      unknown(
        `There is no signal "${name}". ${uncatchable} cannot be handled by any process. Did you mean ${meant}?`,
      ),
    )
  })

  test.each(['banana', '', 'S', 'shutdown', '0', '999', 'toString', '__proto__', '\0'])(
    '%p is near to nothing: all there are',
    (name) => {
      expect(check(name)).toThrow(
        expect.objectContaining({
          code: 'ERR_ZERODROP_SIGNAL_UNKNOWN',
          message: expect.stringMatching(
            /^There is no signal ".*"\. Those of \w+ are (?!.*SIGKILL)(?=.*\bSIGTERM\b)[A-Z0-9, ]+\.$/,
          ),
        }),
      )
    },
  )

  test('rejects a signal that exists on another platform only', () => {
    // Each platform lacks at least one of these.
    const elsewhere = [
      ['SIGBREAK', 'SIGINT'],
      ['SIGINFO', 'SIGQUIT'],
      ['SIGUSR2', 'SIGHUP'],
    ].filter(([name]) => !(name! in constants.signals))
    expect(elsewhere).not.toEqual([])
    for (const [name, instead] of elsewhere) {
      expect(check(name!)).toThrow(
        expect.objectContaining({
          code: 'ERR_ZERODROP_SIGNAL_UNSUPPORTED',
          message: `${name} does not exist on ${process.platform}. Leave it out here, or use ${instead}.`,
        }),
      )
    }
  })
})

test('a signal that exists on another platform only passes checkSignalExists()', () => {
  for (const name of ['SIGBREAK', 'SIGINFO', 'SIGUSR2', 'SIGKILL', 'SIGTERM'])
    expect(() => checkSignalExists(name)).not.toThrow()
  expect(() => checkSignalExists('SIGTREM')).toThrow(
    unknown('There is no signal "SIGTREM". Did you mean SIGTERM?'),
  )
})

test('a signal that does not end the process is survived', () => {
  expect(survivedSignals(defaultSignalTable)).toEqual(['SIGHUP', 'SIGUSR2'])
  expect(survivedSignals(signalPresets.goagain)).toEqual(['SIGUSR2', 'SIGHUP', 'SIGUSR1'])
})

test('the list of all signals has each once, without signals that cannot be caught, belong to Node or report a fault', () => {
  const all = allSignals()
  expect(all).toEqual(expect.arrayContaining(['SIGINT', 'SIGTERM', 'SIGHUP']))
  const numbers = all.map((name) => constants.signals[name])
  expect(new Set(numbers).size).toBe(all.length)
  for (const name of ['SIGKILL', 'SIGSTOP', 'SIGUSR1', 'SIGPROF', 'SIGPIPE', 'SIGSEGV', 'SIGABRT', 'SIGIOT'])
    expect(all).not.toContain(name)
})

describe('watchSignals', () => {
  test('reports the listed signals until its release, as often as they arrive', () => {
    const system = new FakeSystem()
    const received: string[] = []
    const release = watchSignals(system, ['SIGTERM', 'SIGHUP'], (signal) => received.push(signal))
    expect(system.signals).toEqual(['SIGTERM', 'SIGHUP'])
    system.deliver('SIGTERM')
    system.deliver('SIGHUP')
    expect(received).toEqual(['SIGTERM', 'SIGHUP'])
    release()
    release()
    expect(system.signals).toEqual([])
  })

  test('omits signals that the platform lacks, because a default is not a user error', () => {
    const system = new FakeSystem()
    const names: NodeJS.Signals[] = ['SIGBREAK', 'SIGINFO', 'SIGLOST']
    const lacking = names.filter((name) => !(name in constants.signals))
    watchSignals(system, lacking, () => {})
    expect(system.signals).toEqual([])
  })

  test('the exit status of a signal follows the shell convention', () => {
    expect([exitStatus('SIGINT'), exitStatus('SIGTERM')]).toEqual([130, 143])
  })
})
