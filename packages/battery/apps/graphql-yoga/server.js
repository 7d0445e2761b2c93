import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { useServer } from 'graphql-ws/use/ws'
import { createSchema, createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'

const schema = createSchema({
  typeDefs: 'type Query { pid: Int, slow(ms: Int): Int }',
  resolvers: {
    Query: {
      pid: () => process.pid,
      async slow(_parent, { ms }) {
        await delay(ms)
        return process.pid
      },
    },
  },
})
const yoga = createYoga({ schema, disposeOnProcessTerminate: true })
const server = createServer(yoga)
const sockets = useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }))
server.listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', async () => {
  await sockets.dispose()
  server.close(() => {
    globalThis.batteryCleanUp()
    process.exit(0)
  })
})
