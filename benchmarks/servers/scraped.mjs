/** Metrics that are registered and scraped once a second, by the process itself so that nobody else's work is counted. */
import { collectMetrics } from '@zerodrop/prometheus'
import { Registry } from 'prom-client'

export function scrapeEverySecond() {
  const register = new Registry()
  collectMetrics({ register })
  setInterval(() => void register.metrics(), 1000).unref()
}
