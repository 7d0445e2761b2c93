/** nginx and HAProxy, which restart themselves while the server behind them stays. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { keepTrack, serverCore } from '../lib/server-process.mjs'

/** https://nginx.org/en/docs/control.html, and the upstream's keep-alive as https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive has it. */
export async function nginx({ port, target, folder, undo }) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const file = path.join(folder, 'nginx.conf')
  writeFileSync(
    file,
    `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  upstream app { server 127.0.0.1:${target}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off; }
  }
}
`,
  )
  const args = ['-p', folder, '-e', 'stderr', '-c', file]
  const master = start('nginx', args, undo)
  return replacing(master, () => spawnSync('nginx', [...args, '-s', 'reload']))
}

/** https://docs.haproxy.org/2.6/management.html#4 */
export async function haproxy({ port, target, folder, undo }) {
  const file = path.join(folder, 'haproxy.cfg')
  writeFileSync(
    file,
    `
global
  nbthread 1
  stats socket ${folder}/haproxy.sock mode 600 level admin expose-fd listeners
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend web
  bind 127.0.0.1:${port}
  default_backend app
backend app
  server one 127.0.0.1:${target}
`,
  )
  const master = start('haproxy', ['-W', '-f', file], undo)
  return replacing(master, () => master.kill('SIGUSR2'))
}

function start(program, args, undo) {
  const child = spawn('taskset', ['-c', serverCore, program, ...args], { stdio: 'ignore' })
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
