import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { register as globalRegister, Registry } from 'prom-client'
import { collectMetrics } from '../src/index.ts'

const names = [
  'generation',
  'ready',
  'requests_in_flight',
  'drain_seconds',
  'last_drain_seconds',
  'connections',
  'restarts_total',
  'migrated_connections_total',
  'migrated_websockets_total',
  'migrated_streams_total',
  'cut_total',
]

function namesIn(registry: Registry): string[] {
  return registry.getMetricsAsArray().map(({ name }) => name)
}

test('registers with the registry of prom-client, or another', () => {
  const register = new Registry()
  collectMetrics({ register })
  expect(namesIn(register)).toEqual(names.map((name) => `zerodrop_${name}`))
  expect(namesIn(globalRegister as Registry)).toEqual([])
  collectMetrics()
  expect(namesIn(globalRegister as Registry)).toEqual(namesIn(register))
  globalRegister.clear()
})

test('takes another prefix, by which two can be in one registry; the same twice is refused by prom-client', () => {
  const register = new Registry()
  collectMetrics({ register, prefix: 'app_' })
  collectMetrics({ register })
  expect(namesIn(register)[0]).toBe('app_generation')
  expect(() => collectMetrics({ register })).toThrow('already been registered')
})

test('is read when it is scraped, as often as it is', async () => {
  const register = new Registry()
  collectMetrics({ register })
  const first = await register.metrics()
  expect(first).toMatch(/^zerodrop_generation 1$/m)
  expect(first).toMatch(/^zerodrop_ready 0$/m)
  expect(first).toMatch(/^# TYPE zerodrop_restarts_total counter$/m)
  expect(first).toMatch(/^zerodrop_connections\{state="idle"\} 0$/m)
  await expect(register.metrics()).resolves.toBe(first)
})

test('import and require give the same', () => {
  const script = `
    import { createRequire } from 'node:module'
    import * as imported from '@zerodrop/prometheus'
    const required = createRequire(process.cwd() + '/')('@zerodrop/prometheus')
    console.log(Object.keys(imported).join(), Object.keys(required).join(), imported.collectMetrics === required.collectMetrics)
  `
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: path.resolve(__dirname, '../../..'),
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: undefined, NODE_OPTIONS: undefined },
  })
  expect([stderr, stdout.trim()]).toEqual(['', 'collectMetrics collectMetrics true'])
})

test('refuses an option that it does not know, and registers nothing', () => {
  const registry = new Registry()
  expect(() => collectMetrics({ registry } as object)).toThrow(
    expect.objectContaining({
      code: 'ERR_ZERODROP_OPTION_UNKNOWN',
      message: 'collectMetrics() has no option "registry". Its options are register, prefix.',
    }),
  )
  expect([...namesIn(registry), ...namesIn(globalRegister as Registry)]).toEqual([])
})
