import { graceful, lifecycle } from '@zerodrop/express'
import express from 'express'
import pino from 'pino'

// Asynchronous: pino buffers lines in memory, and would lose them if the process exited without a flush.
const destination = pino.destination({ dest: process.env.LOG ?? 1, minLength: 4096, sync: false })
const logger = pino(destination)
const app = express()

app.use(graceful())

app.get('/', (_request, response) => {
  logger.info('said hello')
  response.send('hello')
})

lifecycle.onShutdown('farewell', ({ reason, served }) => logger.info({ reason, served }, 'the last line'))
lifecycle.beforeExit('log', () => new Promise((resolve) => logger.flush(resolve)))

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port }))
})
