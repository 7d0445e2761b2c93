import { adapter, type DrainingPolicy, lifecycle, type LifecycleOptions } from '@zerodrop/core'
import type { FastifyInstance, FastifyPluginCallback, FastifyRequest, RouteHandlerMethod } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

export * from '@zerodrop/core'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Aborts when the server begins to drain, so that a response without an end, such as an event stream,
     * can end itself.
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
    if (policy !== 'serve') refuseWhileDraining(app, policy)
    drainBeforeClose(app)
    done()
  } catch (error) {
    done(error as Error)
  }
}

/**
 * Lets every server of this process stop and restart without losing a request:
 * `app.register(gracefulPlugin)`. Signals are handled while a server listens. A drain runs the app's
 * `preClose` hooks when no new request can arrive, and its `onClose` hooks when all connections have ended;
 * `app.close()` drains the same way.
 *
 * A wrong option, or one that conflicts with an earlier call, rejects `app.ready()` and `app.listen()` with
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

/** Undefined where the application has switched its log off: what goes wrong is to be read somewhere. */
function logOf({ log }: FastifyInstance): FastifyInstance['log'] | undefined {
  // Fastify's substitute has one empty function for all, and no level as pino has.
  return log.info === log.error && !('level' in log) ? undefined : log
}

/** A route that the application has declared itself is left to it. */
function answerProbes(app: FastifyInstance): void {
  for (const url of adapter.healthPaths) {
    // The first releases of Fastify 4 cannot be asked.
    if (app.hasRoute?.({ method: 'GET', url }) === true) continue
    const handler: RouteHandlerMethod = async (request, reply) => {
      const answer = await adapter.healthAnswer(request.raw)
      if (answer === undefined) return reply.callNotFound()
      return reply.code(answer.status).headers(answer.headers).send(answer.body)
    }
    app.route({ method: ['GET', 'HEAD'], url, logLevel: 'silent', handler })
  }
}

function refuseWhileDraining(app: FastifyInstance, policy: DrainingPolicy<FastifyRequest>): void {
  app.addHook('onRequest', (request, reply, next) => {
    const refusal = adapter.admit(request.raw, policy, request)
    if (refusal !== undefined) void reply.headers(refusal.headers)
    next(refusal)
  })
}

/**
 * Fastify answers 503 from the moment `close()` is called, with its server still listening: so the drain comes first.
 * When it has settled, Fastify's own close follows, whose `server.close()` waits for the rest of the drain.
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
  // With a callback Fastify hands the error to that, and to nobody else.
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

/** By how many arguments it declares it is told more, as Fastify has it. Nothing waits for its `done`. */
function tellClosed(listener: CloseListener, error: Error | null, app: FastifyInstance): void {
  const done = (): void => {}
  if (listener.length > 2) listener(error, app, done)
  else if (listener.length === 2) listener(error, done)
  else listener(error)
}

/** Fastify gives a plugin its own options together with those of `register()`. */
function withoutRegisterOptions(options: GracefulOptions): GracefulOptions {
  const registerOptions = new Set(['prefix', 'logLevel', 'logSerializers'])
  return Object.fromEntries(Object.entries(options).filter(([name]) => !registerOptions.has(name)))
}
