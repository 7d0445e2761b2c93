import { lifecycle, type LifecycleOptions } from '@zerodrop/core'
import type { RequestHandler } from 'express'

export * from '@zerodrop/core'

/** What `graceful()` takes. All of it holds for the whole process. */
export type GracefulOptions = LifecycleOptions

/**
 * Lets every server of this process stop and restart without dropping a request: `app.use(graceful())`, once, anywhere
 * before `listen()`. Signals are handled while a server listens.
 *
 * @throws what `lifecycle.configure()` throws: a wrong option, or one that contradicts an earlier call.
 */
export function graceful(options: GracefulOptions = {}): RequestHandler {
  lifecycle.configure(options)
  return function graceful(_request, _response, next) {
    next()
  }
}
