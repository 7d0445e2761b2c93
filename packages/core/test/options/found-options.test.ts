import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { foundOptions } from '../../src/options/found-options.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const manifest = (value: unknown, where = folder) =>
  writeFileSync(path.join(where, 'package.json'), JSON.stringify(value))

test('variables are read as JSON, or else as text', () => {
  expect(
    foundOptions(folder, {
      ZERODROP_DRAIN_TIMEOUT: '20000',
      ZERODROP_LINGER_TIMEOUT: 'Infinity',
      ZERODROP_MANUAL_READY: 'true',
      ZERODROP_MIGRATE: 'false',
      ZERODROP_HEALTH: '{"port":9000}',
      ZERODROP_LOGGER: 'false',
      ZERODROP_RESTART_CONCURRENCY: 'queue',
      ZERODROP_PID_FILE: '1234',
      ZERODROP_SIGNALS: 'nginx',
      ZERODROP_PROBATION: '',
      ZERODROP_TEST_APP: 'of somebody else',
      PORT: '3000',
    }),
  ).toEqual({
    drainTimeout: 20_000,
    lingerTimeout: Infinity,
    manualReady: true,
    migrate: false,
    health: { port: 9000 },
    logger: false,
    restartConcurrency: 'queue',
    pidFile: '1234',
    signals: 'nginx',
  })
})

test('the nearest package.json applies, and variables override it', () => {
  manifest({ zerodrop: { drainTimeout: 1, lingerTimeout: 'Infinity', signals: { SIGUSR2: false } } })
  const inner = path.join(folder, 'src', 'deep')
  mkdirSync(inner, { recursive: true })
  expect(foundOptions(inner, { ZERODROP_DRAIN_TIMEOUT: '2' })).toEqual({
    drainTimeout: 2,
    lingerTimeout: Infinity,
    signals: { SIGUSR2: false },
  })
  manifest({ name: 'without' }, inner)
  expect(foundOptions(inner, {})).toEqual({})
})

test.each([
  [
    { ZERODROP_DRAIN_TIMEOUT: '20s' },
    'ERR_ZERODROP_OPTION_INVALID',
    /got "20s"\. It comes from the environment variable ZERODROP_DRAIN_TIMEOUT\.$/,
  ],
  [
    { ZERODROP_SIGNALS: '{"SIGTERN":"shutdown"}' },
    'ERR_ZERODROP_SIGNAL_UNKNOWN',
    /SIGTERM.*ZERODROP_SIGNALS\.$/,
  ],
  [{ ZERODROP_DRAINTIMEOUT: '1' }, 'ERR_ZERODROP_OPTION_UNKNOWN', /Did you mean ZERODROP_DRAIN_TIMEOUT\?$/],
])('%j is rejected with an error that names its source', (environment, code, message) => {
  const found = () => foundOptions(folder, environment)
  expect(found).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }))
})

test.each([
  [
    { drainTimeot: 1 },
    'ERR_ZERODROP_OPTION_UNKNOWN',
    /Did you mean "drainTimeout"\?.*"zerodrop" in .*package\.json\.$/,
  ],
  [true, 'ERR_ZERODROP_OPTION_INVALID', /to be an object of options/],
])('"zerodrop": %j in package.json is rejected', (zerodrop, code, message) => {
  manifest({ zerodrop })
  const found = () => foundOptions(folder, {})
  expect(found).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }))
})
