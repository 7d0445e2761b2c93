import { createHttpTerminator } from 'http-terminator'
import { expressRoutes, host, port } from './routes.mjs'

const server = expressRoutes().listen(port, host)
const httpTerminator = createHttpTerminator({ server })
process.on('SIGTERM', () => {
  void httpTerminator.terminate().then(() => process.exit())
})
