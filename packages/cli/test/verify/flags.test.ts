import { Command } from 'commander'
import { addVerify } from '../../src/verify/add-command.ts'
import { closest } from '../../src/verify/closest.ts'
import { settingsOf } from '../../src/verify/flags.ts'
import type { Plan, VerifyFlags } from '../../src/verify/flags.ts'

/** What the words after `zerodrop verify` come to. */
function planOf(...words: string[]): Plan {
  const program = new Command().exitOverride()
  addVerify(program, '0.0.0', async () => {})
  const verify = program.commands[0]?.exitOverride().configureOutput({ writeErr: () => {} }) as Command
  program.parse(['verify', ...words], { from: 'user' })
  return settingsOf(verify.processedArgs[0] as string[], verify.opts<VerifyFlags>())
}

const server = ['--', 'node', 'server.js']

test.each([
  [['--rtt', '-1'], /whole number/],
  [['--rtt', '1e3'], /whole number/],
  [['--rtt', '10001'], /--rtt takes milliseconds from 0 to 10000/],
  [['--limit', '0'], /--limit and --start-limit take milliseconds from 1/],
  [['--limit', '2147483648'], /--limit and --start-limit take milliseconds from 1 to 3600000/],
  [['--start-limit', '99999999999'], /--limit and --start-limit take/],
  [['--repeat', '0'], /--repeat takes a whole number from 1 on/],
  [['--jobs', '0'], /--jobs takes a whole number from 1 on/],
  [['--only', 'keepalive-race'], /no situation "keepalive-race"\. Did you mean "keep-alive-race"\?/],
  [['--only', 'Flood'], /Did you mean "flood"\?/],
  [['--only', 'nosuch'], /no situation "nosuch"\. --list names them/],
  [['--only', ''], /no situation ""\. --list/],
  [['--only', 'two-deploys'], /"two-deploys" is one of a restart, not of a stop/],
  [['--stop', 'SIGTREM'], /not "SIGTREM"\. Did you mean SIGTERM\?/],
  [['--stop', '15'], /takes the name of a signal/],
  [['--stop', 'kill'], /No server can handle SIGKILL/],
  [['--restart', 'SIGSTOP'], /No server can handle SIGSTOP/],
  [['--stop', 'SIGTERM', '--restart', 'SIGHUP'], /Give one of --stop, --restart and --restart-command/],
  [['--break', 'true'], /--break and --mend go together/],
  [['--get', 'healthz'], /--get takes a path that begins with "\/", not "healthz"/],
  [['--get', ''], /--get takes a path/],
  [['--url', 'localhost:3000'], /--url takes an address such as http/],
  [['--url', 'ftp://127.0.0.1'], /--url takes an address such as http/],
  [
    ['--url', 'http://127.0.0.1:3000/api?x=1'],
    /without a path, such as http:\/\/127\.0\.0\.1:3000\. Name the route with --get \/api\?x=1/,
  ],
  [['--pid', '12'], /Give a command, --pid or --docker, and one of them only/],
  [['--nonsense'], /unknown option '--nonsense'/],
])('%j is a mistake that is told', (flags, message) => {
  expect(() => planOf(...flags, ...server)).toThrow(message)
})

test('no server is a mistake that is told', () => {
  expect(() => planOf()).toThrow(/Give the command that starts it, behind two dashes/)
})

test('--pid with a stop takes one situation, once', () => {
  expect(() => planOf('--pid', '12')).toThrow(/--pid with a stop ends the server, so it takes one situation/)
  expect(() => planOf('--pid', '12', '--only', 'silent', '--repeat', '2')).toThrow(/one situation, once/)
  expect(planOf('--pid', '12', '--only', 'silent').chosen).toHaveLength(1)
  expect(planOf('--pid', '12', '--restart', 'HUP').chosen.length).toBeGreaterThan(10)
})

test.each([
  ['https://[::1]', { protocol: 'https', host: '::1', port: 443 }],
  ['http://localhost:3000/', { protocol: 'http', host: 'localhost', port: 3000 }],
])('--url %s is an address', (url, address) => {
  expect(planOf('--url', url, ...server).only).toEqual(address)
})

test('the closest name is one that a typing mistake leads to', () => {
  expect(closest('in-fligth', ['in-flight', 'flood'])).toBe('in-flight')
  expect(closest('zzz', ['in-flight', 'flood'])).toBeUndefined()
  expect(closest('a', [])).toBeUndefined()
})
