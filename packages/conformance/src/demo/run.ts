import {
  freePort,
  type Leftovers,
  RawClient,
  startDelayProxy,
  startTraffic,
  type Traffic,
  type TrafficReport,
} from '@zerodrop/traffic'
import type { Progress } from '../progress.ts'
import type { RestartTimes } from '../generations.ts'
import { sizeOf } from '../process-size.ts'
import type { ProcessSize } from '../process-size.ts'
import type { DemoOptions } from './arguments.ts'
import { Deployment } from './deployment.ts'
import { versionOf, VersionWatch } from './version-watch.ts'

export interface Outcome {
  readonly report: TrafficReport
  readonly restarts: readonly RestartTimes[]
  /** Answers of a version that was over. */
  readonly stale: number
  readonly first: ProcessSize | undefined
  readonly last: ProcessSize | undefined
  /** What kept the demo from being carried through. */
  readonly problem: Error | undefined
  /** What the server, in all its generations, wrote to stderr. */
  readonly stderr: string
}

/** Milliseconds that the proxy adds to a request. */
const ROUND_TRIP = 30
/** Requests per second that all clients that keep their connection make together, from 50 of them on. */
const RATE = 1250
/** The longest pause, in milliseconds, that 50 such clients make between two requests; more make longer ones. */
const LEAST_PAUSE = 20
/** The requests to let pass between two restarts, per client: a second and a half of them. */
const QUIET_PER_CLIENT = 40
const MOST_QUIET = 2000

/** Starts server, proxy and clients, deploys over them, and tells what happened. */
export async function runDemo(options: DemoOptions, undo: Leftovers, progress: Progress): Promise<Outcome> {
  const { name, server, clients } = options
  progress.step(() => `Starting ${name}`)
  const port = await freePort()
  const deployment = await Deployment.start({ server, keeper: options.keeper }, port, undo)
  const proxy = await startDelayProxy({ targetPort: port, roundTrip: ROUND_TRIP })
  undo.add(() => proxy.close())
  const versions = new VersionWatch()
  const traffic = startTraffic({
    port: proxy.port,
    directPort: port,
    keepAliveClients: clients,
    think: [0, Math.max(LEAST_PAUSE, 2 * ((clients / RATE) * 1000 - ROUND_TRIP))],
    onResponse: (_kind, response) => versions.see(response),
  })
  // Not awaited: with proxy and server gone, which comes next, no request is left to wait for.
  undo.add(() => void traffic.stop().catch(() => {}))
  const quiet = Math.min(clients * QUIET_PER_CLIENT, MOST_QUIET)
  const restarts: RestartTimes[] = []
  let first: ProcessSize | undefined
  let last: ProcessSize | undefined
  let problem: Error | undefined
  try {
    progress.step(() => `${name} serves as process ${deployment.pid}: ${counts(traffic)}`)
    while (traffic.snapshot().connections.opened < clients + 8) await traffic.after(1)
    // A server may accept one connection in each turn of its loop: the queue is first come, first served.
    await settle(deployment, proxy.port, versions)
    await traffic.after(quiet)
    progress.done(`${name} serves as process ${deployment.pid}: ${counts(traffic)}`)
    first = sizeOf(deployment.pid)
    for (let restart = 1; restart <= options.restarts; restart += 1) {
      const title = `Restart ${restart} of ${options.restarts}`
      progress.step(() => `${title}: ${counts(traffic)}`)
      traffic.mark(title)
      const times = await deployment.restart()
      restarts.push(times)
      await settle(deployment, proxy.port, versions)
      await traffic.after(quiet)
      progress.done(`${title}: version ${deployment.version} serves; ${counts(traffic)}`)
    }
    last = sizeOf(deployment.pid)
  } catch (error) {
    problem = error as Error
  }
  progress.step(() => 'Stopping')
  const report = await traffic.stop()
  // Without what it says about its own end, which is no news.
  const stderr = deployment.generations.complaints
  try {
    if (problem === undefined) await deployment.generations.end()
  } catch (error) {
    problem = error as Error
  }
  progress.stop()
  return { report, restarts, stale: versions.stale, first, last, problem, stderr }
}

/**
 * The predecessor is gone, but its last answers may still be in the proxy. One request on the same way round comes back
 * behind them; from then on the new version alone may answer.
 */
async function settle(deployment: Deployment, port: number, versions: VersionWatch): Promise<void> {
  const client = await RawClient.connect({ port })
  try {
    const answered = versionOf(await client.request({ path: '/' }))
    if (answered !== deployment.version)
      throw new Error(`version ${answered} answers when ${deployment.version} was deployed`)
    versions.settle(deployment.version)
  } finally {
    client.destroy()
  }
}

function counts(traffic: Traffic): string {
  const { requests, lost, refused, connections } = traffic.snapshot()
  const { kept, clients } = connections
  return `${requests.toLocaleString('en')} requests, ${lost} lost, ${refused} refused, ${kept} of ${clients} connections kept`
}
