import { lifecycle, type LifecycleOptions } from '@zerodrop/core'
import type { FastifyInstance, FastifyPluginCallback } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

export * from '@zerodrop/core'

/** What the plugin takes. All of it holds for the whole process. */
export type GracefulOptions = LifecycleOptions

const plugin: FastifyPluginCallback<GracefulOptions> = (app, options, done) => {
  try {
    lifecycle.configure(withoutRegisterOptions(options))
    lifecycle.attach(app.server, { name: 'fastify.close()', onDrained: () => close(app) })
    done()
  } catch (error) {
    done(error as Error)
  }
}

/**
 * Lets every server of this process stop and restart without dropping a request: `app.register(gracefulPlugin)`.
 * Signals are handled while a server listens. When all connections have ended, `app.close()` runs the application's
 * `preClose` and `onClose` hooks.
 *
 * A wrong option, or one that contradicts an earlier call, rejects `app.ready()` and `app.listen()` with the error of
 * `lifecycle.configure()`.
 */
export const gracefulPlugin: FastifyPluginCallback<GracefulOptions> = fastifyPlugin(plugin, {
  name: '@zerodrop/fastify',
  fastify: '4.x || 5.x',
})

export default gracefulPlugin

/** Fastify gives a plugin its own options together with those of `register()`. */
function withoutRegisterOptions(options: GracefulOptions): GracefulOptions {
  const registerOptions = new Set(['prefix', 'logLevel', 'logSerializers'])
  return Object.fromEntries(Object.entries(options).filter(([name]) => !registerOptions.has(name)))
}

/** Fastify closes the server as well, which has stopped listening by then: that it says so is no failure. */
async function close(app: FastifyInstance): Promise<void> {
  try {
    await app.close()
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_SERVER_NOT_RUNNING') throw error
  }
}
