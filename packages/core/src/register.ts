/**
 * Lets a server stop and restart without losing a request, without a change to its code:
 *
 *     node --import @zerodrop/core/register server.js
 *     NODE_OPTIONS='--import=@zerodrop/core/register' npm start
 *     node --require @zerodrop/core/register server.cjs
 *
 * It leaves processes that never listen, such as npm or a build, and worker threads alone: it only
 * subscribes to a diagnostics channel. The rest is loaded inside the first `listen()`.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:net'
import { rememberCommandLine } from './system/command-line.ts'
import type { FoundApp, ListenMessage, register } from './lifecycle/register.ts'

const key = Symbol.for('zerodrop.register.v1')

// Node runs it twice if it is in NODE_OPTIONS and on the command line.
if (!(key in globalThis)) {
  Object.assign(globalThis, { [key]: true })
  rememberCommandLine()
  const apps = new WeakMap<Server, FoundApp>()
  // Fastify publishes each new instance: https://github.com/fastify/fastify/blob/v5.0.0/fastify.js
  subscribe('fastify.initialization', (message) => {
    const { fastify } = message as { fastify: FoundApp & { server: Server } }
    apps.set(fastify.server, fastify)
  })
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    const listen = message as ListenMessage
    // `require`, because `listen()` is synchronous. Not earlier, because every process under `NODE_OPTIONS`
    // would wait for it.
    const workerThreads = require('node:worker_threads') as { isMainThread: boolean }
    if (!workerThreads.isMainThread) return
    const core = require('./core.js') as { register: typeof register }
    core.register(listen, apps.get(listen.server))
  })
}

// Without an export, esbuild takes it for a CommonJS module and wraps it in one.
// oxlint-disable-next-line no-useless-empty-export
export {}
