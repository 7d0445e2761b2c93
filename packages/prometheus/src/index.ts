import { lifecycle, type Status, ZerodropError } from '@zerodrop/core'
import { Counter, Gauge, register as globalRegister, type Registry } from 'prom-client'

export interface MetricsOptions {
  /** The registry. @default the global registry of prom-client */
  readonly register?: Registry
  /** The prefix of the metrics' names. @default 'zerodrop_' */
  readonly prefix?: string
}

/**
 * Registers zerodrop's metrics for this process, as prom-client's `collectDefaultMetrics()` does for Node's own.
 * Each scrape reads the values from `lifecycle.status()`; nothing is counted between scrapes.
 *
 * @throws `ERR_ZERODROP_OPTION_UNKNOWN`; prom-client's error if the registry already has metrics of these
 *   names.
 * @example
 * ```ts
 * import { collectMetrics } from '@zerodrop/prometheus'
 * import { register } from 'prom-client'
 *
 * collectMetrics()
 * app.get('/metrics', async (_request, response) => {
 *   response.type(register.contentType).send(await register.metrics())
 * })
 * ```
 */
export function collectMetrics(options: MetricsOptions = {}): void {
  checkOptions(options)
  const { register = globalRegister, prefix = 'zerodrop_' } = options
  const read = oncePerScrape(() => lifecycle.status())
  for (const { name, help, value } of gauges) {
    new Gauge({
      name: prefix + name,
      help,
      registers: [register],
      collect() {
        this.set(value(read()))
      },
    })
  }
  for (const { name, help, label, values } of labelled) {
    const Metric = name.endsWith('_total') ? Counter : Gauge
    new Metric({
      name: prefix + name,
      help,
      labelNames: [label],
      registers: [register],
      collect() {
        this.reset()
        for (const [key, count] of Object.entries(values(read()))) this.inc({ [label]: key }, count)
      },
    })
  }
  new Counter({
    name: `${prefix}cut_total`,
    help: 'Requests and connections cut by a deadline or a second signal, in the predecessor too.',
    registers: [register],
    collect() {
      this.reset()
      this.inc(read().cut)
    },
  })
}

const known = ['register', 'prefix']

function checkOptions(options: MetricsOptions): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new ZerodropError(
    'ERR_ZERODROP_OPTION_UNKNOWN',
    `collectMetrics() has no option "${unknown}". Its options are ${known.join(', ')}.`,
  )
}

const gauges: readonly { name: string; help: string; value: (status: Status) => number }[] = [
  {
    name: 'generation',
    help: 'Generation of this process: 1, and 1 more for each restart.',
    value: ({ generation }) => generation,
  },
  {
    name: 'ready',
    help: '1 while this process is ready for requests.',
    value: ({ ready }) => Number(ready),
  },
  {
    name: 'requests_in_flight',
    help: 'Requests that are being read or answered.',
    value: ({ connections }) => connections.requests,
  },
  {
    name: 'drain_seconds',
    help: 'How long the drain that is under way has taken so far; 0 if there is none.',
    value: ({ drain }) => (drain?.milliseconds ?? 0) / 1000,
  },
  {
    name: 'last_drain_seconds',
    help: "How long the drain took that came last: the predecessor's, in a process that was started by a restart.",
    value: ({ lastDrain }) => (lastDrain?.milliseconds ?? 0) / 1000,
  },
]

const labelled: readonly {
  name: string
  help: string
  label: string
  values: (status: Status) => Readonly<Record<string, number>>
}[] = [
  {
    name: 'connections',
    help: 'Open connections by what they are doing.',
    label: 'state',
    values: ({ connections: { requests: _requests, ...states } }) => states,
  },
  {
    name: 'restarts_total',
    help: 'Restarts: completed since the first generation, failed in this process.',
    label: 'result',
    values: ({ restarts }) => restarts,
  },
  {
    name: 'migrated_connections_total',
    help: 'Connections taken over from the predecessor (received) and by the successor (sent).',
    label: 'direction',
    values: ({ migrated: { received, sent } }) => ({ received, sent }),
  },
  {
    name: 'migrated_websockets_total',
    help: 'WebSockets among the connections taken over.',
    label: 'direction',
    values: ({ migrated }) => migrated.websockets,
  },
  {
    name: 'migrated_streams_total',
    help: 'Event streams among the connections taken over.',
    label: 'direction',
    values: ({ migrated }) => migrated.streams,
  },
]

/** One scrape collects all metrics in the same tick, so they share one status. */
function oncePerScrape(read: () => Status): () => Status {
  let status: Status | undefined
  return () => {
    if (status !== undefined) return status
    queueMicrotask(() => {
      status = undefined
    })
    status = read()
    return status
  }
}
