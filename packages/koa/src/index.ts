import {
  adapter,
  type DrainingPolicy,
  type HealthAnswer,
  lifecycle,
  type LifecycleOptions,
} from '@zerodrop/core'
import type { Context, Middleware } from 'koa'

export * from '@zerodrop/core'

declare module 'koa' {
  interface ExtendableContext {
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
   * Decides about requests that arrive while the server drains: `'serve'` answers them, `'refuse'` throws
   * an error with status 503 and `Retry-After` through the app's middleware, and a function of the request
   * returns one of the two.
   * @default 'serve'
   */
  readonly onDrainingRequest?: DrainingPolicy<Context>
}

/**
 * Lets every server of this process stop and restart without losing a request: `app.use(graceful())`, once,
 * before the other middleware. zerodrop handles signals while a server listens.
 *
 * @throws the error of `lifecycle.configure()` if an option is invalid or conflicts with an earlier call
 * @example
 * ```ts
 * import Koa from 'koa'
 * import { graceful } from '@zerodrop/koa'
 *
 * const app = new Koa()
 * app.use(graceful({ drainTimeout: 30_000 }))
 * app.listen(3000)
 * ```
 */
export function graceful(options: GracefulOptions = {}): Middleware {
  const policy = adapter.adapt(options)
  const handle: Middleware = function graceful(context, next) {
    if (!('draining' in context)) addDraining(context)
    const refusal = adapter.admit(context.req, policy, context)
    if (refusal !== undefined) throw refusal
    return next()
  }
  return adapter.healthPaths.length === 0 ? handle : answeringProbes(handle)
}

function answeringProbes(handle: Middleware): Middleware {
  return function graceful(context, next) {
    const answering = adapter.healthAnswer(context.req)
    return answering === undefined ? handle(context, next) : answer(context, answering)
  }
}

async function answer(context: Context, answering: Promise<HealthAnswer>): Promise<void> {
  const { status, headers, body } = await answering
  context.status = status
  context.set(headers)
  context.body = body
}

/** Defines `draining` on the prototype of the application's contexts, so that it costs nothing per request. */
function addDraining(context: Context): void {
  Object.defineProperty(context.app.context, 'draining', {
    configurable: true,
    get(this: Context) {
      return lifecycle.draining(this.req)
    },
  })
}
