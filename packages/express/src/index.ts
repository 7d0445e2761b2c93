import { adapter, type DrainingPolicy, lifecycle, type LifecycleOptions } from '@zerodrop/core'
import type { Request, RequestHandler } from 'express'

export * from '@zerodrop/core'

declare global {
  namespace Express {
    interface Request {
      /** Aborted when the server begins to drain: a stream that does not end by itself ends itself then. */
      readonly draining: AbortSignal
    }
  }
}

/** What `graceful()` takes. All but `onDrainingRequest` holds for the whole process. */
export interface GracefulOptions extends LifecycleOptions {
  /**
   * What becomes of a request that arrives while the server drains: `'serve'` answers it, `'refuse'` gives the
   * application's error handling an error with status 503 and `Retry-After`, a function says which of the two.
   * @default 'serve'
   */
  readonly onDrainingRequest?: DrainingPolicy<Request>
}

/**
 * Lets every server of this process stop and restart without dropping a request: `app.use(graceful())`, once, before
 * the routes. Signals are handled while a server listens.
 *
 * @throws what `lifecycle.configure()` throws: a wrong option, or one that contradicts an earlier call.
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

/** On the prototype that Express gives all requests of an application, so that it costs nothing for each. */
function addDraining(request: Request): void {
  Object.defineProperty(Object.getPrototypeOf(request), 'draining', {
    configurable: true,
    get(this: Request) {
      return lifecycle.draining(this)
    },
  })
}
