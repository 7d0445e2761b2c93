import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { HostedProgram } from './keep-pid-hosts.ts'

const root = path.join(__dirname, '../../../..')
const besideSystemd = path.join(root, 'packages/cli/test/support/beside-systemd.sh')

/** In the box everything is as outside, but for an empty /tmp. */
export const canRunSystemd: boolean =
  process.platform === 'linux' && process.getuid?.() === 0 && !root.startsWith('/tmp/')

/** The version of the systemd that runs in the box; 0 without one. */
export const systemdVersion: number = canRunSystemd ? versionOf('/lib/systemd/systemd') : 0

function versionOf(program: string): number {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return Number(/^systemd (\d+)/.exec(stdout ?? '')?.[1] ?? 0)
}

/** In a unit file a percent sign begins a specifier. */
const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%')}"`

/** A shell starts the server in the background, writes its pid down and ends. In a unit file, $$ is a dollar sign. */
function forking(words: readonly string[], file: string): string[] {
  const server = words.map((word) => `'${word}'`).join(' ')
  return [`PIDFile=${file}`, `ExecStart=/bin/sh -c ${quote(`${server} & echo $$! > ${file}`)}`]
}

/** Whether a unit of this type lets its processes notify systemd. */
export const isNotified = (type: string): boolean => type.startsWith('notify')

/** systemd itself does not wait for a main process that it has not started. */
const stopThatWaits =
  "ExecStop=/bin/sh -c 'kill -TERM ${MAINPID}; while kill -0 ${MAINPID} 2>/dev/null; do sleep 0.1; done'"

/**
 * A command that runs a server as a unit of a real systemd, does what it reads line by line, and ends as the server does.
 * Processes of the unit alone have the variable `ZERODROP_TEST_UNIT`.
 */
export function systemdUnit(
  { words, folder, port, env, way }: HostedProgram,
  { type, socket = false }: { type: string; socket?: boolean },
): string[] {
  const units = path.join(folder, 'units')
  const log = path.join(folder, 'app.log')
  mkdirSync(units)
  writeFileSync(log, '')
  const variables = { ...env, ZERODROP_TEST_UNIT: env['ZERODROP_TEST_APP'] ?? '' }
  const command = words.map(quote).join(' ')
  const service = [
    '[Unit]',
    'DefaultDependencies=no',
    '[Service]',
    `Type=${type}`,
    // Where it may notify systemd of a new pid, it keeps none.
    ...(isNotified(type) ? ['NotifyAccess=all', 'WatchdogSec=5'] : []),
    `WorkingDirectory=${folder}`,
    ...Object.entries(variables).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`),
    ...(type === 'forking' ? forking(words, path.join(folder, 'app.pid')) : [`ExecStart=${command}`]),
    // systemd itself sends the signal then, and waits for the notices of a restart.
    ...(type === 'notify-reload' ? [] : ['ExecReload=/bin/kill -HUP $MAINPID']),
    ...(way === 'plain' ? [stopThatWaits] : []),
    'TimeoutStopSec=90',
    `StandardOutput=append:${log}`,
    `StandardError=append:${log}`,
  ]
  writeFileSync(path.join(units, 'app.service'), service.join('\n'))
  const listens = ['[Unit]', 'DefaultDependencies=no', '[Socket]', `ListenStream=127.0.0.1:${port}`]
  if (socket) writeFileSync(path.join(units, 'app.socket'), listens.join('\n'))
  const script = `
systemctl start ${socket ? 'app.socket ' : ''}app.service
tail --lines +1 --follow ${log} & tail=$!
(while read -r line; do $line; done) <&0 &
while systemctl is-active --quiet app.service; do sleep 0.2; done
sleep 0.5; kill $tail
exit "$(systemctl show app.service --property ExecMainStatus --value)"
`
  return [besideSystemd, units, 'bash', '-c', script]
}
