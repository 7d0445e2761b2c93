import { graceful } from '@zerodrop/koa'
import Koa from 'koa'
import { host, koaRoutes, port } from './routes.mjs'

const app = new Koa()
app.use(graceful())
koaRoutes(app)
app.listen(port, host)
