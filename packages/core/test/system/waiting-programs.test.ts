import { waitingProgram } from '../../src/system/waiting-programs.ts'

const cli = '/usr/lib/node_modules'

test.each([
  [['npm start', '', '']],
  [['npm run serve --workspace api']],
  [['node', `${cli}/npm/bin/npm-cli.js`, 'start']],
  [['node', `${cli}/pnpm/bin/pnpm.cjs`, 'start']],
  [['node', `${cli}/pnpm/bin/pnpm.mjs`, 'start']],
  [['/opt/pnpm', 'start']],
  [['pn', 'start']],
  [['node', `${cli}/yarn/bin/yarn.js`, 'start']],
  [['node', '/srv/app/.yarn/releases/yarn-4.18.1.cjs', 'start']],
  [['node', `${cli}/corepack/dist/pnpm.js`, 'start']],
  [['node', '--run', 'start']],
  [['/usr/bin/node', '--no-warnings', '--run=start']],
  [['/usr/local/bin/node24', '--run', 'start', '--', '--port', '1']],
  [['bun', 'run', 'start']],
  [['/root/.bun/bin/bun', '--silent', 'run', 'start']],
  [['deno', 'task', 'start']],
])('%j runs a package script', (words) => {
  expect(waitingProgram(words)).toBe('package manager')
})

test.each([
  [['tini', '--', 'node', 'server.js']],
  [['/sbin/docker-init', '--', 'node', 'server.js']],
  [['/usr/bin/dumb-init', 'node', 'server.js']],
])('%j reaps', (words) => {
  expect(waitingProgram(words)).toBe('reaper')
})

test.each([
  [['/bin/sh', '-c', 'node server.js; exit $?']],
  [['bash', '-ec', 'node server.js']],
  [['sh', './start.sh']],
  [['-bash', 'start.sh']],
])('%j runs a shell script', (words) => {
  expect(waitingProgram(words)).toBe('shell')
})

test.each([
  [[]],
  [['']],
  [['bash']],
  [['-zsh']],
  [['node', 'server.js']],
  [['node', 'server.js', '--run']],
  [['node', '-e', '0', '--run', 'start']],
  [['node', '/srv/npm-mirror/index.js']],
  [['bun', 'server.ts', 'run']],
  [['deno', 'run', 'task']],
  [['/lib/systemd/systemd']],
])('%j does not visibly wait', (words) => {
  expect(waitingProgram(words)).toBeUndefined()
})
