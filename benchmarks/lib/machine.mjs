import { cpus, loadavg, release, totalmem } from 'node:os'

export function machine() {
  const [{ model }, ...others] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const load = loadavg()[0].toFixed(1)
  return `${model}, ${others.length + 1} cores, ${memory} GB, Linux ${release()}, Node ${process.version}, load at the start ${load}`
}
