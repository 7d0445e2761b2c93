import { gracefulPlugin } from '@zerodrop/fastify'
import { fastify } from 'fastify'
import { announce } from './control.mjs'
import { scrapeEverySecond } from './scraped.mjs'

scrapeEverySecond()

const app = fastify()
app.register(gracefulPlugin)
app.get('/', (_request, reply) => {
  reply.send('hello')
})
await app.listen({ port: 0, host: '127.0.0.1' })
announce(app.server)
