import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, haproxyConfiguration, type Leftovers, nginxCommand } from '@zerodrop/traffic'

export type ProxyKind = 'nginx' | 'haproxy'

export interface ProxyOptions {
  /** Ports of the servers behind it. */
  readonly servers: readonly number[]
  /** Whether it keeps connections to the servers open between two requests. */
  readonly keepsAlive: boolean
  /** Whether it asks the servers whether they are ready; HAProxy only. */
  readonly probes?: boolean
  /** Whether its clients speak TLS. */
  readonly tls?: boolean
}

const pems = path.join(__dirname, '../../fixtures/protocols')
const pem = (name: string): string => path.join(pems, `localhost.${name}.pem`)

/** `describe`, or a skip that names the program which is missing. */
export function describeWith(kind: ProxyKind): jest.Describe {
  return spawnSync(kind, ['-v']).error === undefined && process.platform === 'linux'
    ? describe
    : (describe.skip as jest.Describe)
}

/** Starts a reverse proxy, and resolves with its port when it accepts connections. */
export async function startProxy(undo: Leftovers, kind: ProxyKind, options: ProxyOptions): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-proxy-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const configure = kind === 'nginx' ? nginx : haproxy
  const [program = kind, ...args] = configure(port, folder, options)
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  undo.add(() => end(child))
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${kind} has exited:\n${said}`)
    await delay(20)
  }
  return port
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

/** Whether something accepts connections on a port of this machine. */
export async function accepts(port: number): Promise<boolean> {
  const socket = net.connect({ port, host: '127.0.0.1' })
  const result = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false)
  socket.destroy()
  return result
}

/** As docs/load-balancers.md recommends it. */
function nginx(port: number, folder: string, { servers, keepsAlive, tls = false }: ProxyOptions): string[] {
  return nginxCommand(folder, {
    port,
    listen: tls ? 'ssl' : '',
    http: [
      `map $http_upgrade $connection_upgrade { default upgrade; '' ${keepsAlive ? "''" : 'close'}; }`,
      'upstream app {',
      ...servers.map((server) => `server 127.0.0.1:${server} max_fails=0;`),
      ...(keepsAlive ? ['keepalive 32;', 'keepalive_timeout 2s;'] : []),
      '}',
    ],
    server: [
      ...(tls ? [`ssl_certificate ${pem('cert')};`, `ssl_certificate_key ${pem('key')};`] : []),
      'location / {',
      'proxy_pass http://app;',
      'proxy_http_version 1.1;',
      'proxy_set_header Upgrade $http_upgrade;',
      'proxy_set_header Connection $connection_upgrade;',
      'proxy_buffering off;',
      'proxy_read_timeout 1h;',
      'proxy_next_upstream error timeout;',
      '}',
    ],
  })
}

function haproxy(port: number, folder: string, options: ProxyOptions): string[] {
  const { servers, keepsAlive, probes = false, tls = false } = options
  const both = path.join(folder, 'both.pem')
  if (tls) writeFileSync(both, readFileSync(pem('cert'), 'utf8') + readFileSync(pem('key'), 'utf8'))
  const file = haproxyConfiguration(folder, {
    port,
    global: ['maxconn 1024', ...(tls ? ['ssl-default-bind-options ssl-min-ver TLSv1.2'] : [])],
    timeout: '1h',
    defaults: ['timeout tunnel 1h', 'timeout check 10s', 'retries 3', 'option redispatch 1'],
    bind: tls ? `ssl crt ${both}` : '',
    frontend: ['default_backend app'],
    backend: [
      ...(keepsAlive ? ['http-reuse safe'] : ['option http-server-close', 'http-reuse never']),
      ...(probes ? ['option httpchk GET /readyz'] : []),
      `default-server ${probes ? 'check inter 100ms fall 1 rise 1 ' : ''}pool-purge-delay 1s`,
      ...servers.map((server, index) => `server app${index} 127.0.0.1:${server}`),
    ],
  })
  return ['haproxy', '-db', '-f', file]
}
