import { gracePeriodOf, spanOf } from '../../src/system/grace-period.ts'

test.each([
  ['1min 30s', 90_000],
  ['20s', 20_000],
  ['2h 5min 500ms', 7_500_500],
  ['1.500s', 1500],
  ['0', undefined],
  ['infinity', undefined],
  ['', undefined],
])('a systemd time span: %j', (text, milliseconds) => {
  expect(spanOf(text)).toBe(milliseconds)
})

test.each([
  [{ DYNO: 'web.1' }, 30_000],
  [{ RAILWAY_DEPLOYMENT_DRAINING_SECONDS: '5' }, 5000],
  [{ RAILWAY_DEPLOYMENT_DRAINING_SECONDS: '0' }, 0],
  [{ RAILWAY_DEPLOYMENT_DRAINING_SECONDS: 'x' }, undefined],
  [{ RAILWAY_DEPLOYMENT_DRAINING_SECONDS: ' ' }, undefined],
  [{ RAILWAY_DEPLOYMENT_DRAINING_SECONDS: '-1' }, undefined],
  [{}, undefined],
])('the grace period by %j', async (env, milliseconds) => {
  expect((await gracePeriodOf(env, false))?.milliseconds).toBe(milliseconds)
})
