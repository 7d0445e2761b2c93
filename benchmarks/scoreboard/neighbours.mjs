/** nginx and HAProxy, as far as `zerodrop verify` needs them: a route that answers at once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { freePort } from '@zerodrop/traffic'

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

/** @type {Record<string, (folder: string, port: number) => { file: string, text: string, command: string[], restart?: string }>} */
const configurations = {
  nginx: (folder, port) => ({
    file: path.join(folder, 'nginx.conf'),
    text: `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  server { listen 127.0.0.1:${port}; location / { return 200 hello; } }
}
`,
    command: ['nginx', '-p', folder, '-e', 'stderr', '-c', path.join(folder, 'nginx.conf')],
  }),
  haproxy: (folder, port) => ({
    file: path.join(folder, 'haproxy.cfg'),
    // Of several threads, one takes the signal while the others go on: the verdict would be a matter of chance.
    text: `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:${port}
  http-request return status 200 content-type text/plain string hello
`,
    command: ['haproxy', '-db', '-f', path.join(folder, 'haproxy.cfg')],
    // The master of `haproxy -W` loses a SIGUSR2 that comes soon after the last one (2.6.12).
    restart: `haproxy -D -f ${path.join(folder, 'haproxy.cfg')} -sf $ZERODROP_VERIFY_PID`,
  }),
}

/**
 * Writes the configuration of a program into a folder of its own.
 * @param {string} name
 * @returns {Promise<{ command: string[], restart?: string, remove: () => void }>}
 */
export async function configure(name) {
  const folder = mkdtempSync(path.join(os.tmpdir(), `zerodrop-${name}-`))
  const { file, text, command, restart } = configurations[name](folder, await freePort())
  writeFileSync(file, text)
  return { command, restart, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
