export { collectMetrics, type MetricsOptions } from './index.ts'
