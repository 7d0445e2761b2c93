import type { IncomingMessage } from 'node:http'
import { adapter, type DrainingPolicy, lifecycle, type LifecycleOptions, type Refusal } from '@zerodrop/core'
import type { Context, MiddlewareHandler } from 'hono'

export * from '@zerodrop/core'

/** Options of `graceful()`. All but `onDrainingRequest` apply to the whole process. */
export interface GracefulOptions extends LifecycleOptions {
  /**
   * Decides about requests that arrive while the server drains: `'serve'` answers them, `'refuse'` passes an error with
   * status 503 and `Retry-After` to `app.onError()`, and a function of Hono's context returns one of the two.
   * @default 'serve'
   */
  readonly onDrainingRequest?: DrainingPolicy<Context>
}

/**
 * Lets every server of this process stop and restart without losing a request: `app.use(graceful())`, once, before the
 * routes. For Hono on Node.js, served by `@hono/node-server`.
 *
 * @throws the error of `lifecycle.configure()` if an option is invalid or conflicts with an earlier call
 * @example
 * ```ts
 * import { serve } from '@hono/node-server'
 * import { Hono } from 'hono'
 * import { graceful } from '@zerodrop/hono'
 *
 * const app = new Hono()
 * app.use(graceful())
 * app.get('/', (context) => context.text('hello'))
 * serve({ fetch: app.fetch, port: 3000 })
 * ```
 */
export function graceful(options: GracefulOptions = {}): MiddlewareHandler {
  const policy = adapter.adapt(options)
  return async function graceful(context, next) {
    const incoming = incomingOf(context)
    const answering = adapter.healthAnswer(incoming)
    if (answering !== undefined) {
      const { status, headers, body } = await answering
      // For HEAD, Hono removes the body and with it the length.
      return context.body(body, status, { ...headers, 'Content-Length': String(Buffer.byteLength(body)) })
    }
    const refusal = adapter.admit(incoming, policy, context)
    if (refusal !== undefined) throw asResponse(refusal)
    return next()
  }
}

/**
 * Returns a signal that aborts when the server of this request begins to drain, so that the app can end open-ended
 * responses such as event streams.
 */
export function draining(context: Context): AbortSignal {
  return lifecycle.draining(incomingOf(context))
}

/** Node's request, which `@hono/node-server` adds to the context. */
function incomingOf(context: Context): IncomingMessage {
  return (context.env as { incoming: IncomingMessage }).incoming
}

/** Hono's default error handler sends what `getResponse()` of an error returns. */
function asResponse(refusal: Refusal): Refusal {
  const getResponse = (): Response =>
    new Response(refusal.message, { status: refusal.status, headers: { ...refusal.headers } })
  return Object.assign(refusal, { getResponse })
}
