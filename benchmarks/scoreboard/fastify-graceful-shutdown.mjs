import Fastify from 'fastify'
import gracefulShutdown from 'fastify-graceful-shutdown'
import { fastifyRoutes, host, port } from './routes.mjs'

const app = Fastify()
app.register(gracefulShutdown)
fastifyRoutes(app)
await app.listen({ port, host })
