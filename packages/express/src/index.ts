import { adapter, type DrainingPolicy, lifecycle, type LifecycleOptions } from '@zerodrop/core'
import type { Request, RequestHandler } from 'express'

export * from '@zerodrop/core'

declare global {
  namespace Express {
    interface Request {
      /**
       * Aborts when the server begins to drain, so that the app can end open-ended responses such as event
       * streams.
       */
      readonly draining: AbortSignal
    }
  }
}

/** Options of the plugin. All but `onDrainingRequest` apply to the whole process. */
export interface GracefulOptions extends LifecycleOptions {
  /**
   * Decides about requests that arrive while the server drains: `'serve'` answers them, `'refuse'` gives
   * the app's error handling an error with status 503 and `Retry-After`, and a function of the request
   * returns one of the two.
   * @default 'serve'
   */
  readonly onDrainingRequest?: DrainingPolicy<Request>
}

/**
 * Lets every server of this process stop and restart without losing a request: `app.use(graceful())`, once,
 * before the routes. zerodrop handles signals while a server listens.
 *
 * @throws the error of `lifecycle.configure()` if an option is invalid or conflicts with an earlier call
 * @example
 * ```ts
 * import express from 'express'
 * import { graceful } from '@zerodrop/express'
 *
 * const app = express()
 * app.use(graceful({ drainTimeout: 30_000 }))
 * app.listen(3000)
 * ```
 */
export function graceful(options: GracefulOptions = {}): RequestHandler {
  const policy = adapter.adapt(options)
  const handle: RequestHandler = function graceful(request, _response, next) {
    if (!('draining' in request)) addDraining(request)
    next(adapter.admit(request, policy, request))
  }
  return adapter.healthPaths.length === 0 ? handle : answeringProbes(handle)
}

function answeringProbes(handle: RequestHandler): RequestHandler {
  return function graceful(request, response, next) {
    if (!lifecycle.answerHealth(request, response)) handle(request, response, next)
  }
}

/**
 * Defines `draining` on the prototype that all requests of an application share, so that it costs nothing per
 * request.
 */
function addDraining(request: Request): void {
  Object.defineProperty(Object.getPrototypeOf(request), 'draining', {
    configurable: true,
    get(this: Request) {
      return lifecycle.draining(this)
    },
  })
}
