import { gracefulPlugin } from '@zerodrop/fastify'
import Fastify from 'fastify'
import { fastifyRoutes, host, port } from './routes.mjs'

const app = Fastify()
app.register(gracefulPlugin)
fastifyRoutes(app)
await app.listen({ port, host })
