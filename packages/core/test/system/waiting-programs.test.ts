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
  [['/usr/local/bin/dumb-init_1.2.5_x86_64', '--', 'node', 'server.js']],
  [['/tini-static-amd64', '--', 'node', 'server.js']],
  [['/run/podman-init', '--', 'node', 'server.js']],
  [['/usr/bin/containerd-shim-runc-v2', '-namespace', 'moby']],
  [['/usr/bin/conmon', '--api-version', '1']],
])('%j reaps', (words) => {
  expect(waitingProgram(words)).toBe('reaper')
})

test.each([
  [['/usr/bin/python3', '/usr/bin/supervisord', '-n', '-c', '/etc/supervisord.conf']],
  [['/usr/bin/python3', '-u', '/usr/local/bin/circusd', 'circus.ini']],
  [['runsv', 'app']],
  [['busybox', 'runsv', 'app']],
  [['s6-supervise', 'app']],
  [['supervise', 'app']],
  [['python3', '-m', 'supervisor.supervisord', '-n']],
  [['python', '-u', '-m', 'circus.circusd', 'circus.ini']],
  [['foreman: master']],
  [['node', '/app/node_modules/.bin/nf', 'start']],
  [['node', '/usr/lib/node_modules/forever/bin/monitor', 'server.js']],
])('%j starts its child again, or ends with it', (words) => {
  expect(waitingProgram(words)).toBe('supervisor')
})

test.each([
  [['timeout', '60', 'node', 'server.js']],
  [['sudo', 'node', 'server.js']],
  [['doppler', 'run', '--', 'node', 'server.js']],
  [['tmux: server']],
  [['sshd: app@notty']],
  [['python3', 'start.py']],
  [['node', '/app/node_modules/.bin/cross-env', 'A=1', 'node', 'server.js']],
  [['node', '--no-warnings', '/app/node_modules/tsx/dist/cli.mjs', 'server.ts']],
  [['node', '/app/node_modules/@dotenvx/dotenvx/src/cli/dotenvx.js', 'run', '--', 'node', 'server.js']],
])('%j waits', (words) => {
  expect(waitingProgram(words)).toBe('program')
})

test('a program that has the name of Node and starts the real one waits', () => {
  expect(waitingProgram(['node', 'server.js'], 'volta-shim')).toBe('program')
  expect(waitingProgram(['node', 'server.js'], 'node-22')).toBeUndefined()
})

test('a Node program with a title of its own is one', () => {
  expect(waitingProgram(['PM2 v6.0.13: God Daemon (/root/.pm2)'], 'node')).toBeUndefined()
  expect(waitingProgram(['next-server'], 'node22')).toBeUndefined()
})

test.each([
  [['/bin/sh', '-c', 'node server.js; exit $?']],
  [['bash', '-ec', 'node server.js']],
  [['sh', './start.sh']],
  [['-bash', 'start.sh']],
  [['/bin/bash', '-O', 'extglob', '-m', './start.sh']],
  [['bash', '-o', 'pipefail', '-ec', 'node server.js']],
  [['busybox', 'sh', '-c', 'node server.js; exit']],
  [['fish', '-c', 'node server.js']],
])('%j runs a shell script', (words) => {
  expect(waitingProgram(words)).toBe('shell')
})

test.each([
  [[]],
  [['']],
  [['bash']],
  [['-zsh']],
  [['bash', '--init-file', '/usr/share/code/shellIntegration-bash.sh']],
  [['bash', '--rcfile', 'rc', '-i']],
  [['busybox', 'sh']],
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
