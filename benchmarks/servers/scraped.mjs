/** Metrics that the process itself scrapes once a second, so that no other process's work is counted. */
import { collectMetrics } from '@zerodrop/prometheus'
import { Registry } from 'prom-client'

export function scrapeEverySecond() {
  const register = new Registry()
  collectMetrics({ register })
  setInterval(() => void register.metrics(), 1000).unref()
}
