import Koa from 'koa'
import { announce } from './control.mjs'

const app = new Koa()
app.use((context) => {
  context.body = 'hello'
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
