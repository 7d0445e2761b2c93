/** https://expressjs.com/en/advanced/healthcheck-graceful-shutdown.html */
import { expressRoutes, host, port } from './routes.mjs'

const server = expressRoutes().listen(port, host)
process.on('SIGTERM', () => {
  server.close(() => {})
})
