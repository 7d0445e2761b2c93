import Fastify from 'fastify'
import { fastifyRoutes, host, port } from './routes.mjs'

const app = Fastify()
fastifyRoutes(app)
await app.listen({ port, host })
