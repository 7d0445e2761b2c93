import { setTimeout as delay } from 'node:timers/promises'
import { initTRPC } from '@trpc/server'
import { createHTTPServer } from '@trpc/server/adapters/standalone'

const t = initTRPC.create()
const router = t.router({
  quick: t.procedure.query(() => ({ pid: process.pid })),
  slow: t.procedure.input(Number).query(async ({ input }) => {
    await delay(input)
    return { pid: process.pid }
  }),
})
const server = createHTTPServer({ router })
server.listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => {
  server.close(() => {
    globalThis.batteryCleanUp()
    process.exit(0)
  })
})
