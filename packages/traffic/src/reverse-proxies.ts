/** nginx and HAProxy, configured so that all they write stays in one folder. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'

export interface NginxOptions {
  readonly port: number
  /**
   * Whether it goes into the background.
   * @default false
   */
  readonly daemon?: boolean
  /** What follows the address in `listen`, such as `ssl`. */
  readonly listen?: string
  /** Directives of the `http` block. */
  readonly http?: readonly string[]
  /** Directives of the `server` block. */
  readonly server: readonly string[]
}

export interface HaproxyOptions {
  readonly port: number
  /** Directives of the `global` section. */
  readonly global?: readonly string[]
  /** How long it waits for clients and servers, such as `30s`. */
  readonly timeout: string
  /** Further directives of the `defaults` section. */
  readonly defaults?: readonly string[]
  /** What follows the address in `bind`, such as `ssl crt FILE`. */
  readonly bind?: string
  /** Directives of the `frontend` section. */
  readonly frontend: readonly string[]
  /** Directives of the section `backend app`, if there is one. */
  readonly backend?: readonly string[]
}

/** Directories that nginx would create where its package puts them. */
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

/**
 * Writes nginx's configuration into a folder, which gets its pid file too.
 * @returns the command that starts it
 */
export function nginxCommand(folder: string, options: NginxOptions): string[] {
  const { port, daemon = false, listen = '', http = [], server } = options
  const file = path.join(folder, 'nginx.conf')
  const lines = [
    `daemon ${daemon ? 'on' : 'off'};`,
    // Otherwise its workers could not write there.
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    'worker_processes 1;',
    `pid ${folder}/nginx.pid;`,
    // A daemon has no stderr.
    ...(daemon ? [`error_log ${folder}/error.log;`] : []),
    'events { worker_connections 1024; }',
    'http {',
    'access_log off;',
    ...temporary.map((name) => `${name}_temp_path ${folder}/${name};`),
    ...http,
    'server {',
    `listen 127.0.0.1:${port} ${listen};`,
    ...server,
    '}',
    '}',
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return ['nginx', '-p', folder, '-e', 'stderr', '-c', file]
}

/**
 * Writes HAProxy's configuration into a folder.
 * @returns the file
 */
export function haproxyConfiguration(folder: string, options: HaproxyOptions): string {
  const { port, global = [], timeout, defaults = [], bind = '', frontend, backend } = options
  const file = path.join(folder, 'haproxy.cfg')
  const lines = [
    'global',
    ...global,
    'defaults',
    'mode http',
    'timeout connect 5s',
    `timeout client ${timeout}`,
    `timeout server ${timeout}`,
    ...defaults,
    'frontend web',
    `bind 127.0.0.1:${port} ${bind}`,
    ...frontend,
    ...(backend === undefined ? [] : ['backend app', ...backend]),
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}
