import gracefulShutdown from 'http-graceful-shutdown'
import { expressRoutes, host, port } from './routes.mjs'

const server = expressRoutes().listen(port, host)
gracefulShutdown(server)
