import { graceful, lifecycle } from '@zerodrop/express'
import express from 'express'
import pg from 'pg'

// The connection settings come from PGHOST, PGUSER and so on, as with psql.
const pool = new pg.Pool()
const app = express()

app.use(graceful())

app.get('/', async (_request, response) => {
  const { rows } = await pool.query('SELECT now() AS now')
  response.json(rows[0])
})

// Runs after the last response, so no request loses its connection to the database.
lifecycle.onShutdown('database', () => pool.end())

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port }))
})
