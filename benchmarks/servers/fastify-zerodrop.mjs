import { gracefulPlugin } from '@zerodrop/fastify'
import { fastify } from 'fastify'
import { announce, hold } from './control.mjs'

const app = fastify()
app.register(gracefulPlugin)
app.get('/', (_request, reply) => {
  reply.send('hello')
})
app.get('/hold', (_request, reply) => hold(() => reply.send('held')))
await app.listen({ port: 0, host: '127.0.0.1' })
announce(app.server)
