import express from 'express'
import { graceful } from '@zerodrop/express'

const app = express()
app.use(graceful({ drainTimeout: 10_000 }))
app.get('/', (_request, response) => {
  response.json({ pid: process.pid })
})

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port }))
})
