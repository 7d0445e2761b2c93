import { expressRoutes, host, port } from './routes.mjs'

expressRoutes().listen(port, host)
