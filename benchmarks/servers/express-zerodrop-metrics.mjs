import { graceful } from '@zerodrop/express'
import express from 'express'
import { announce } from './control.mjs'
import { scrapeEverySecond } from './scraped.mjs'

scrapeEverySecond()

const app = express()
app.use(graceful())
app.get('/', (_request, response) => {
  response.send('hello')
})
const server = app.listen(0, '127.0.0.1', () => announce(server))
