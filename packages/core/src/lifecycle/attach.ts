import type { IncomingMessage } from 'node:http'
import { Server } from 'node:net'
import { onFed } from '../connections/on-fed.ts'
import type { DrainingPolicy } from '../drain/refusal.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { checkAttachOptions, type MigrationPolicy } from '../options/options.ts'
import { serverHook } from '../servers/run-hook.ts'
import type { Parts } from './wiring.ts'

/** Options of one server. */
export interface AttachOptions {
  /**
   * Called in a drain of this server, once no connection can bring a new request: end connections here that
   * do not end by themselves, and clean up after the server. The process does not exit until this hook has
   * finished, or until 5 s after the last connection has ended.
   */
  readonly onSettled?: () => unknown
  /** The hook's name in reports. @default 'onSettled' */
  readonly name?: string
  /**
   * What to do with a request that arrives while the server drains. This is for servers without an adapter;
   * adapters have an option of the same name.
   * @default 'serve'
   */
  readonly onDrainingRequest?: DrainingPolicy<IncomingMessage>
  /** Replaces the process's option of the same name for the connections of this server. */
  readonly migrate?: MigrationPolicy
}

/** @throws `ERR_ZERODROP_SERVER_INVALID` */
export function checkServer(server: unknown): void {
  if (server instanceof Server) return
  throw new ZerodropError(
    'ERR_ZERODROP_SERVER_INVALID',
    'attach() takes a server of node:net, node:http, node:https or node:http2. With Express and Koa that is what app.listen() returns, with Fastify app.server.',
  )
}

/**
 * Sets the options of a server, and manages it: from now on if it listens, or else from the first connection that
 * another server hands to it.
 */
export function attach(
  { context, health, probed, verdicts }: Pick<Parts, 'context' | 'health' | 'probed' | 'verdicts'>,
  server: Server,
  options: AttachOptions,
): void {
  checkAttachOptions(options)
  const { listeners, reporter, servers } = context
  const { name = 'onSettled', onSettled, onDrainingRequest, migrate } = options
  const settings = servers.settingsOf(server)
  if (onSettled !== undefined) settings.hook = serverHook(name, onSettled)
  if (onDrainingRequest !== undefined)
    settings.drainingPolicy = (request) =>
      health.isFor(request) ? 'serve' : verdicts.of(onDrainingRequest, request)
  if (migrate !== undefined) settings.migrate = migrate
  if (server.listening) listeners.add(server)
  else
    onFed(server, (first) => {
      if (servers.addFed(server, first)) probed.update()
      else reporter.warn(notListening())
    })
}

function notListening(): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_SERVER_NOT_LISTENING',
    'A server that was given to attach() speaks no HTTP, does not listen, and gets its connections from another server ' +
      'by emit("connection"). In a drain, they are connections of the server that accepted them: what is in flight may ' +
      'finish until drainTimeout, but no client is told, and what is open then is cut. Let the server listen, on a port or ' +
      'a Unix socket of its own, and have the other server connect to it.',
  )
}
