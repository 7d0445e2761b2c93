/** One application, one server and one connection for all variants: only whether the middleware is in the stack differs. */
import { graceful } from '@zerodrop/express'
import express from 'express'
import { announce, onSwitch } from './control.mjs'

const app = express()
app.use(graceful())
app.get('/', (_request, response) => {
  response.send('hello')
})
const [middleware, route] = app.router.stack.splice(0)
const stacks = {
  zerodrop: [middleware, route],
  'zerodrop-times50': [...Array(50).fill(middleware), route],
}
const use = (variant) => app.router.stack.splice(0, Infinity, ...(stacks[variant] ?? [route]))
use('base')
onSwitch(use)
const server = app.listen(0, '127.0.0.1', () => announce(server))
