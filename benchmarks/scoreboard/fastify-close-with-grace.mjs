import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import { fastifyRoutes, host, port } from './routes.mjs'

const app = Fastify()
fastifyRoutes(app)
closeWithGrace(async () => {
  await app.close()
})
await app.listen({ port, host })
