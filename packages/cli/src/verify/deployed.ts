import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Failure } from '../fail.ts'
import { act } from './act.ts'
import type { Acted } from './act.ts'
import { Deploy } from './deploy.ts'
import type { DeployOutcome } from './deploy.ts'
import type { Launched, Launcher } from './launcher.ts'
import { latencyOf } from './report.ts'
import type { RunReport } from './report.ts'
import type { ProcessEntry } from './server/proc.ts'
import type { Settings } from './settings.ts'
import type { Situation } from './situations/situation.ts'
import { Stage } from './stage.ts'
import { lossFaults } from './verdict.ts'

/** A server that is deployed over and over, and started again only if it is gone. */
export class Deployed {
  readonly #launcher: Launcher
  readonly #settings: Settings
  #launched: Launched | undefined

  constructor(launcher: Launcher, settings: Settings) {
    this.#launcher = launcher
    this.#settings = settings
  }

  /** Plays a situation around one deploy, or two. */
  async play(situation: Situation): Promise<RunReport> {
    this.#launched ??= await this.#launcher.launch()
    const { server, findings } = this.#launched
    const settings = this.#settings
    const over = new AbortController()
    const deploy = new Deploy(
      findings.address.port,
      () => this.#trigger(situation),
      settings.limit,
      () => server.members(),
    )
    let outcome: Promise<DeployOutcome> | undefined
    const { broken } = settings
    const breaks = situation.event === 'broken' ? broken : undefined
    const mended = breaks && this.#launcher.owe(() => shell(breaks.mend, '--mend', server.pid))
    const trigger = async (): Promise<void> => {
      if (breaks !== undefined) await shell(breaks.break, '--break', server.pid)
      outcome = deploy.run(situation.event).finally(() => over.abort())
      // It is awaited when the clients are done.
      outcome.catch(() => {})
    }
    const stage = new Stage({ settings, findings, server, trigger, over: over.signal })
    let acted: Acted
    try {
      acted = await act(situation, stage)
    } finally {
      await mended?.()
    }
    const deployed = await outcome
    stage.ledger.closeAll()
    const timeline = stage.ledger.entries()
    const { skipped } = acted
    const faults =
      skipped === undefined ? [...acted.faults, ...lossFaults(timeline), ...(deployed?.faults ?? [])] : []
    if (deployed === undefined || deployed.faults.length > 0) await this.end()
    return {
      verdict: skipped !== undefined ? 'skip' : faults.length > 0 ? 'fail' : 'pass',
      ...(skipped !== undefined && { reason: skipped }),
      counts: stage.ledger.counts(),
      faults,
      endingInWords: deployed?.words ?? '',
      took: deployed?.took,
      connections: stage.kept,
      latency: latencyOf(timeline),
      timeline,
    }
  }

  async end(): Promise<void> {
    if (this.#launched !== undefined) await this.#launcher.end(this.#launched.server)
    this.#launched = undefined
  }

  async #trigger({ event: kind }: Situation): Promise<void> {
    const { event } = this.#settings
    const server = this.#launched?.server
    if (server === undefined) return
    if (event.kind === 'restart-command') {
      const deployed = shell(event.command, '--restart-command', server.pid)
      // The deploy of a broken version may say so.
      await (kind === 'broken' ? deployed.catch(() => {}) : deployed)
    } else newestRoot(server.pid, server.members()).forEach((pid) => process.kill(pid, event.signal))
  }
}

/** The process that was started, or what has taken its place. */
function newestRoot(root: number, members: readonly ProcessEntry[]): number[] {
  if (members.some(({ pid }) => pid === root)) return [root]
  const inside = new Set(members.map(({ pid }) => pid))
  return members
    .filter(({ parent }) => !inside.has(parent))
    .slice(-1)
    .map(({ pid }) => pid)
}

/** @throws Failure if the command fails */
async function shell(command: string, flag: string, pid: number): Promise<void> {
  const env = { ...process.env, ZERODROP_VERIFY_PID: String(pid) }
  const child = spawn(command, { shell: true, stdio: ['ignore', 'ignore', 'pipe'], env })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0)
    throw new Failure(`The command of ${flag} ended with ${status ?? 'a signal'}: ${command}\n${said}`, {
      status: 2,
    })
}
