import { graceful } from '@zerodrop/express'
import express from 'express'
import { expressRoutes, host, port } from './routes.mjs'

const app = express()
app.use(graceful())
app.use(expressRoutes())
app.listen(port, host)
