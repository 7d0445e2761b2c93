/** One application, one server and one connection for all variants: only whether the middleware is composed in differs. */
import { graceful } from '@zerodrop/koa'
import Koa from 'koa'
import { announce, onSwitch } from './control.mjs'

const app = new Koa()
const middleware = graceful()
const answer = (context) => {
  context.body = 'hello'
}
const callback = (...stack) => {
  app.middleware = stack
  return app.callback()
}
const base = callback(answer)
const callbacks = {
  zerodrop: callback(middleware, answer),
  'zerodrop-times50': callback(...Array(50).fill(middleware), answer),
}
const server = app.listen(0, '127.0.0.1', () => announce(server))
const use = (variant) => {
  server.removeAllListeners('request').on('request', callbacks[variant] ?? base)
}
use('base')
onSwitch(use)
