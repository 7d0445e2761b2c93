import Koa from 'koa'
import { host, koaRoutes, port } from './routes.mjs'

const app = new Koa()
koaRoutes(app)
app.listen(port, host)
