import { adapter, type DrainingPolicy, lifecycle, type LifecycleOptions } from '@zerodrop/core'
import type { FastifyInstance, FastifyPluginCallback, FastifyRequest, RouteHandlerMethod } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

export * from '@zerodrop/core'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Aborts when the server begins to drain, so that the app can end open-ended responses such as event
     * streams.
     */
    readonly draining: AbortSignal
  }
}

/** Options of the plugin. All but `onDrainingRequest` apply to the whole process. */
export interface GracefulOptions extends LifecycleOptions {
  /**
   * Decides about requests that arrive while the server drains: `'serve'` answers them, `'refuse'` gives
   * the app's error handler an error with status 503 and `Retry-After`, and a function of the request
   * returns one of the two.
   * @default 'serve'
   */
  readonly onDrainingRequest?: DrainingPolicy<FastifyRequest>
}

const plugin: FastifyPluginCallback<GracefulOptions> = (app, options, done) => {
  try {
    const policy = adapter.adapt(withoutRegisterOptions(options), logOf(app))
    app.decorateRequest('draining', {
      getter() {
        return lifecycle.draining(this.raw)
      },
    })
    answerProbes(app)
    quietSelfRequests(app)
    if (policy !== 'serve') refuseWhileDraining(app, policy)
    drainBeforeClose(app)
    done()
  } catch (error) {
    done(error as Error)
  }
}

/**
 * Lets every server of this process stop and restart without losing a request:
 * `app.register(gracefulPlugin)`. zerodrop handles signals while a server listens. A drain runs the app's
 * `preClose` hooks when no new request can arrive, and its `onClose` hooks when the last connection has
 * ended; `app.close()` drains the same way.
 *
 * If an option is invalid or conflicts with an earlier call, `app.ready()` and `app.listen()` reject with
 * the error of `lifecycle.configure()`.
 * @example
 * ```ts
 * import Fastify from 'fastify'
 * import { gracefulPlugin } from '@zerodrop/fastify'
 *
 * const app = Fastify()
 * app.register(gracefulPlugin, { drainTimeout: 30_000 })
 * await app.listen({ port: 3000 })
 * ```
 */
export const gracefulPlugin: FastifyPluginCallback<GracefulOptions> = fastifyPlugin(plugin, {
  name: '@zerodrop/fastify',
  fastify: '4.x || 5.x',
})

export default gracefulPlugin

/** Undefined if the application has disabled its logger: warnings and errors then go to stderr. */
function logOf({ log }: FastifyInstance): FastifyInstance['log'] | undefined {
  // Fastify's substitute logger has one empty function for all methods, and no level.
  return log.info === log.error && !('level' in log) ? undefined : log
}

/** Adds the probe routes. Routes that the application has already declared take precedence. */
function answerProbes(app: FastifyInstance): void {
  for (const url of adapter.healthPaths) {
    // The first releases of Fastify 4 lack this method.
    if (app.hasRoute?.({ method: 'GET', url }) === true) continue
    const handler: RouteHandlerMethod = async (request, reply) => {
      const answer = await adapter.healthAnswer(request.raw)
      if (answer === undefined) return reply.callNotFound()
      return reply.code(answer.status).headers(answer.headers).send(answer.body)
    }
    app.route({ method: ['GET', 'HEAD'], url, logLevel: 'silent', handler })
  }
}

/**
 * Suppresses Fastify's access log, whose level is `info`, for requests that the process makes to itself. Warnings and
 * errors are still logged. A factory for child loggers applies only to routes that are declared after it, so this
 * replaces the method that factories call.
 */
function quietSelfRequests(app: FastifyInstance): void {
  const log = logOf(app)
  if (log === undefined || !hasLevels(log)) return
  adapter.shadowDuringSelfRequests(
    app.server,
    log,
    'child',
    (child) =>
      function (this: typeof log, bindings, options) {
        return child.call(this, bindings, withoutInfo(this, options))
      },
  )
}

type Levels = Readonly<Record<string, number>>

/** Pino's loggers have levels. Loggers of other libraries may have none, and are left unchanged. */
function hasLevels(log: object): log is { levels: { values: Levels } } {
  const { values } = (log as { levels?: { values?: Levels } }).levels ?? {}
  return values?.['info'] !== undefined && values['warn'] !== undefined
}

type ChildOptions = Parameters<FastifyInstance['log']['child']>[1]

/** Keeps a level that already omits `info`. Fastify 4 passes an empty level for "inherit". */
function withoutInfo(
  { level: inherited, levels: { values } }: { level: string; levels: { values: Levels } },
  options: ChildOptions,
): ChildOptions {
  const level = values[String(options?.level || inherited)] ?? Infinity
  return level > values['info']! ? options : { ...options, level: 'warn' }
}

function refuseWhileDraining(app: FastifyInstance, policy: DrainingPolicy<FastifyRequest>): void {
  app.addHook('onRequest', (request, reply, next) => {
    const refusal = adapter.admit(request.raw, policy, request)
    if (refusal !== undefined) void reply.headers(refusal.headers)
    next(refusal)
  })
}

/**
 * Fastify answers 503 as soon as `close()` is called, while its server still listens, so the drain comes
 * first. When the drain has settled, Fastify's own close follows, whose `server.close()` waits for the rest
 * of the drain.
 */
function drainBeforeClose(app: FastifyInstance): void {
  const close = app.close.bind(app) as () => Promise<undefined>
  let closed: Promise<undefined> | undefined
  const closeOnce = (): Promise<undefined> => {
    closed ??= close()
    return closed
  }
  lifecycle.attach(app.server, { name: 'fastify.close()', onSettled: closeOnce })
  const drainAndClose = async (): Promise<undefined> => {
    await adapter.settle(app.server)
    await closeOnce()
  }
  // With a callback, Fastify passes the error only to the callback.
  const closeFor = (listener?: CloseListener): unknown => {
    if (listener === undefined) return drainAndClose()
    if (typeof listener !== 'function') return (close as (listener: unknown) => unknown)(listener)
    void drainAndClose().then(
      () => tellClosed(listener, null, app),
      (error: Error) => tellClosed(listener, error, app),
    )
    return app
  }
  app.close = closeFor as FastifyInstance['close']
}

type CloseListener = (error: Error | null, ...rest: unknown[]) => void

/** Passes as many arguments as the callback declares, as Fastify does. Nothing waits for its `done`. */
function tellClosed(listener: CloseListener, error: Error | null, app: FastifyInstance): void {
  const done = (): void => {}
  if (listener.length > 2) listener(error, app, done)
  else if (listener.length === 2) listener(error, done)
  else listener(error)
}

/** Fastify passes its own options to a plugin together with those of `register()`. */
function withoutRegisterOptions(options: GracefulOptions): GracefulOptions {
  const registerOptions = new Set(['prefix', 'logLevel', 'logSerializers'])
  return Object.fromEntries(Object.entries(options).filter(([name]) => !registerOptions.has(name)))
}
