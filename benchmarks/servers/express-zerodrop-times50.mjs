// Fifty times what zerodrop adds: a fiftieth of this is known better than once would be.
import { graceful } from '@zerodrop/express'
import express from 'express'
import { announce } from './control.mjs'

const app = express()
for (let time = 0; time < 50; time++) app.use(graceful())
app.get('/', (_request, response) => {
  response.send('hello')
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
