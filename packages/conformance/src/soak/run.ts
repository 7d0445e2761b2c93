import { freePort, type Leftovers, type TallyReport } from '@zerodrop/traffic'
import type { Progress } from '../progress.ts'
import { Generations } from '../generations.ts'
import type { SoakOptions, SoakServer } from './arguments.ts'
import { startBeside } from './beside.ts'
import { Clients } from './clients.ts'
import type { SoakKind } from './kinds.ts'
import { restartEvenly } from './restarts.ts'
import type { Course } from './restarts.ts'

export interface SoakOutcome extends Course {
  readonly name: string
  readonly report: TallyReport<SoakKind>
  readonly seconds: number
  /** How much of a core the clients used. */
  readonly cpu: number
  /** What the server, in all its generations, wrote to stderr. */
  readonly stderr: string
}

/** Starts a server and clients, restarts it over and over, and tells what happened. */
export async function runSoak(
  { name, script }: SoakServer,
  options: SoakOptions,
  { undo, progress }: { undo: Leftovers; progress: Progress },
): Promise<SoakOutcome> {
  progress.step(() => `Starting ${name}`)
  const ports = {
    http: await freePort(),
    https: await freePort(),
    h2: await freePort(),
    h2c: await freePort(),
  }
  const env = {
    PORT: String(ports.http),
    HTTPS_PORT: String(ports.https),
    H2_PORT: String(ports.h2),
    H2C_PORT: String(ports.h2c),
  }
  const generations = await Generations.start({ file: script, env, keeper: options.keeper }, undo)
  progress.done(`${name} serves as process ${generations.pid}`)
  const begun = performance.now()
  const cpuBefore = process.cpuUsage()
  const clients = await Clients.start({ ports, clients: options.clients }, undo)
  const act = options.control ? () => startBeside(script, undo) : () => generations.restart()
  const course = await restartEvenly({ name, generations, act, clients, progress }, options)
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  progress.step(() => `Stopping ${name}`)
  const report = await clients.stop()
  // Without what it says about its own end, which is no news.
  const stderr = generations.complaints
  const problem = course.problem ?? (await failureOf(generations.end()))
  progress.stop()
  return { name, report, ...course, problem, seconds, cpu: (user + system) / 1e6 / seconds, stderr }
}

async function failureOf(act: Promise<void>): Promise<Error | undefined> {
  try {
    await act
    return undefined
  } catch (error) {
    return error as Error
  }
}
