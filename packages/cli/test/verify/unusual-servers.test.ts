import { describeLinux, fixture, undo, unusual, verdicts, verifyCleanly } from './support/verify.ts'

afterEach(() => undo.disposeAll())

const node = process.execPath
const quick = ['--only', 'silent', '--limit', '2000']
const deploy = ['--only', 'silent', '--limit', '5000', '--restart-command']

describeLinux('zerodrop verify judges', () => {
  const cases: [server: string, args: readonly string[], verdict: string][] = [
    ['a server on IPv6 only', unusual('on IPv6 only'), 'pass'],
    ['a server on every IPv6 address', unusual('on every IPv6 address'), 'pass'],
    ['a server on two ports', unusual('on two ports'), 'pass'],
    ['a server that redirects', unusual('status', '302'), 'pass'],
    ['a server that daemonizes', unusual('daemonizes'), 'pass'],
    ['a server that daemonizes without a trace', unusual('daemonizes without a trace'), 'pass'],
    ['a daemon that ignores its signal', unusual('daemonizes', 'ignores its signal'), 'fail'],
  ]
  test.each(cases)('%s', async (_server, args, verdict) => {
    const ended = await verifyCleanly(['--json', ...quick, ...args])
    expect({ ...verdicts(ended), status: ended.status }).toEqual({
      silent: verdict,
      status: verdict === 'pass' ? 0 : 1,
    })
  })

  test('a server whose restart command starts the next one in the background', async () => {
    const next = `kill $ZERODROP_VERIFY_PID; "${node}" "${fixture('unusual.mjs')}" answers &`
    const ended = await verifyCleanly(['--json', ...deploy, next, ...unusual('answers')])
    expect(verdicts(ended)).toEqual({ silent: 'pass' })
  })

  test('a server that waits for its restart command in vain, and says what that does not show', async () => {
    const late = 'sleep 2.5; kill -HUP $ZERODROP_VERIFY_PID'
    const flags = ['--only', 'accept-queue', '--restart-command', late]
    const ended = await verifyCleanly([...flags, '--', node, fixture('right.mjs')])
    expect(ended.stdout).toMatch(/^✓ connection in the accept queue/m)
    expect(ended.stdout).toMatch(
      /^! connection in the accept queue: the command of --restart-command sent the paused server no signal within 2000 ms/m,
    )
    expect(ended.status).toBe(0)
  })

  test('nothing where the server keeps no connection, and says so', async () => {
    const ended = await verifyCleanly([
      '--only',
      'keep-alive-race,arrived,pipelining',
      ...unusual('one request a connection'),
    ])
    expect(ended.stderr).toMatch(
      /No situation could be judged: the server keeps no connection open between requests/,
    )
    expect(ended.status).toBe(2)
  })
})
