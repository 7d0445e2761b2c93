import express from 'express'
import { graceful } from '@zerodrop/express'

const app = express()
// drainDelay gives kube-proxy and the load balancers time to learn that the pod is terminating.
app.use(graceful({ health: true, drainDelay: 10_000, drainTimeout: 15_000 }))
app.get('/', (_request, response) => {
  response.json({ pid: process.pid })
})

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port }))
})
