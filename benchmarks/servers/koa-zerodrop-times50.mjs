// Fifty times what zerodrop adds: a fiftieth of this is known better than once would be.
import { graceful } from '@zerodrop/koa'
import Koa from 'koa'
import { announce } from './control.mjs'

const app = new Koa()
for (let time = 0; time < 50; time++) app.use(graceful())
app.use((context) => {
  context.body = 'hello'
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
