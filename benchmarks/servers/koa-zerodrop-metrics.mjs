import { graceful } from '@zerodrop/koa'
import Koa from 'koa'
import { announce } from './control.mjs'
import { scrapeEverySecond } from './scraped.mjs'

scrapeEverySecond()

const app = new Koa()
app.use(graceful())
app.use((context) => {
  context.body = 'hello'
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
