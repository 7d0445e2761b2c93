import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer'
import { expressMiddleware } from '@as-integrations/express5'
import express from 'express'

const app = express()
const httpServer = http.createServer(app)
const server = new ApolloServer({
  typeDefs: 'type Query { pid: Int slow: Int }',
  resolvers: { Query: { pid: () => process.pid, slow: () => delay(200, process.pid) } },
  csrfPrevention: false,
  stopOnTerminationSignals: true,
  plugins: [
    ApolloServerPluginDrainHttpServer({ httpServer }),
    { serverWillStart: async () => ({ serverWillStop: async () => globalThis.batteryCleanUp() }) },
  ],
})
await server.start()
app.use('/', express.json(), expressMiddleware(server))
httpServer.listen(Number(process.env.PORT), '127.0.0.1')
