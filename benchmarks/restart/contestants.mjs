/**
 * Who restarts under load, each as its own documentation has it. `start` resolves with a function that restarts once, and
 * resolves when the new code serves alone: every process that served before is gone, or the tool's own command says so.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { startApp } from '@zerodrop/conformance'
import { serverCore } from '../lib/server-process.mjs'
import { toolVersion } from '../lib/tools.mjs'
import { haproxy, nginx } from './proxies.mjs'
import { pm2, watt } from './managers.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const cli = path.join(here, '../../packages/cli/dist/main.js')
const wattNeeds = [22, 19]

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {string} how what restarts it
 * @property {() => string} version '' if it is Node's, or this repository's
 * @property {() => string | undefined} [missing] why it cannot take part here
 * @property {(context: { port: number, folder: string, undo: import('@zerodrop/traffic').Leftovers }) => Promise<() => Promise<void>>} start
 */

/** @type {Contestant[]} */
export const contestants = [
  { name: 'zerodrop', how: 'SIGHUP', version: () => '', start: zerodrop },
  { name: 'zerodrop run', how: 'SIGHUP', version: () => '', start: keeper },
  {
    name: 'stop, then start',
    how: '`server.close()` on SIGTERM, SIGKILL after 10 s as `docker stop`',
    version: () => '',
    start: stopAndStart,
  },
  {
    name: 'node:cluster',
    how: '`worker.disconnect()` once a new worker listens, 2 workers',
    version: () => '',
    start: cluster,
  },
  {
    name: 'pm2',
    how: '`pm2 reload`, 2 instances, `wait_ready`',
    version: () => toolVersion('pm2'),
    start: pm2,
  },
  {
    name: 'Watt',
    how: '`wattpm restart`, 2 workers',
    version: () => toolVersion('wattpm'),
    missing: () => (olderThan(wattNeeds) ? `it needs Node ${wattNeeds.join('.')}` : undefined),
    start: watt,
  },
  {
    name: 'nginx',
    how: '`nginx -s reload`, in front of a server that stays',
    version: () => /[\d.]+/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr)?.[0] ?? '',
    missing: () => missingProgram('nginx'),
    start: (context) => behind(nginx, context),
  },
  {
    name: 'HAProxy',
    how: 'SIGUSR2 to the master, in front of a server that stays',
    version: () => /[\d.]+/.exec(spawnSync('haproxy', ['-v'], { encoding: 'utf8' }).stdout)?.[0] ?? '',
    missing: () => missingProgram('haproxy'),
    start: (context) => behind(haproxy, context),
  },
]

async function zerodrop(context) {
  const app = await serve('zerodrop.mjs', context)
  return () => replaced(app, app.pids().at(-1))
}

async function keeper(context) {
  const app = await serve(cli, context, ['run', path.join(here, 'zerodrop.mjs')])
  return () => replaced(app, app.pid)
}

/** Resolves when a restart by SIGHUP to this process has ended the generation before. */
async function replaced(app, signalled) {
  const from = app.lines.length
  const before = app.lines.at(-1).pid
  app.signal('SIGHUP', signalled)
  await app.waitFor('listening', { from })
  await app.exitOf(before)
}

async function stopAndStart(context) {
  let app = await serve('close.mjs', context)
  return async () => {
    app.signal('SIGTERM')
    // On connections that stay busy `server.close()` waits for ever. `docker stop` waits for 10 s.
    const timer = setTimeout(() => app.signal('SIGKILL'), 10_000)
    await app.exited
    clearTimeout(timer)
    app = await serve('close.mjs', context)
  }
}

async function cluster(context) {
  const app = await serve('cluster.mjs', context)
  return async () => {
    const from = app.lines.length
    app.signal('SIGHUP', app.pid)
    await app.waitFor('restarted', { from, timeout: 60_000 })
  }
}

/** Puts a proxy that restarts before a Node server that does not. */
async function behind(proxy, context) {
  const port = context.port + 1
  await serve('close.mjs', { ...context, port })
  return proxy({ ...context, target: port })
}

async function serve(file, { port, undo }, args = []) {
  const app = await startApp({
    file: path.resolve(here, file),
    args,
    env: { PORT: String(port) },
    execPath: 'taskset',
    execArgv: ['-c', serverCore, process.execPath],
  })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  return app
}

function missingProgram(name) {
  return spawnSync(name, ['-v']).error === undefined ? undefined : 'it is not installed'
}

function olderThan([major, minor]) {
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number)
  return ownMajor < major || (ownMajor === major && ownMinor < minor)
}
