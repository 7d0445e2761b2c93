/** nginx and HAProxy, which restart themselves while the server behind them stays. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { haproxyConfiguration, nginxCommand } from '@zerodrop/traffic'
import { keepTrack, serverCore } from '../lib/server-process.mjs'

/** https://nginx.org/en/docs/control.html, and the upstream's keep-alive as https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive has it. */
export async function nginx({ port, target, folder, undo }) {
  const command = nginxCommand(folder, {
    port,
    http: [`upstream app { server 127.0.0.1:${target}; keepalive 64; }`],
    server: [
      'location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off; }',
    ],
  })
  const master = start(command, undo)
  const [program, ...args] = command
  return replacing(master, () => spawnSync(program, [...args, '-s', 'reload']))
}

/** https://docs.haproxy.org/2.6/management.html#4 */
export async function haproxy({ port, target, folder, undo }) {
  const file = haproxyConfiguration(folder, {
    port,
    global: ['nbthread 1', `stats socket ${folder}/haproxy.sock mode 600 level admin expose-fd listeners`],
    timeout: '30s',
    frontend: ['default_backend app'],
    backend: [`server one 127.0.0.1:${target}`],
  })
  const master = start(['haproxy', '-W', '-f', file], undo)
  return replacing(master, () => master.kill('SIGUSR2'))
}

function start(command, undo) {
  const child = spawn('taskset', ['-c', serverCore, ...command], { stdio: 'ignore' })
  keepTrack(child)
  undo.add(async () => {
    if (child.exitCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(late)
  })
  return child
}

/** A restart that is over when every worker of the master that was there before is gone. */
function replacing(master, reload) {
  return async () => {
    const before = workersOf(master.pid)
    reload()
    const deadline = performance.now() + 60_000
    while (workersOf(master.pid).some((pid) => before.includes(pid))) {
      if (performance.now() > deadline) throw new Error(`A worker of process ${master.pid} is still there`)
      await delay(20)
    }
  }
}

function workersOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
}
