/** A server with metrics that are scraped when the benchmark says so, to know what one scrape costs. */
import http from 'node:http'
import { lifecycle } from '@zerodrop/core'
import { collectMetrics } from '@zerodrop/prometheus'
import { Registry } from 'prom-client'
import { application, listen } from './control.mjs'

lifecycle.configure()
const register = new Registry()
collectMetrics({ register })
process.on('message', ({ type, times }) => {
  if (type === 'scrape') void scrape(times)
})
listen(http.createServer(application))

async function scrape(times) {
  const before = process.cpuUsage()
  for (let scrape = 0; scrape < times; scrape++) await register.metrics()
  const { user, system } = process.cpuUsage(before)
  process.send({ type: 'scraped', milliseconds: (user + system) / 1000 / times })
}
