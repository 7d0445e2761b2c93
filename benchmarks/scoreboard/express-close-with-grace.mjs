import { promisify } from 'node:util'
import closeWithGrace from 'close-with-grace'
import { expressRoutes, host, port } from './routes.mjs'

const server = expressRoutes().listen(port, host)
closeWithGrace(async () => {
  await promisify((done) => server.close(done))()
})
