import { act } from './act.ts'
import type { Acted } from './act.ts'
import { Deploy } from './deploy.ts'
import type { DeployOutcome } from './deploy.ts'
import type { Launched, Launcher } from './launcher.ts'
import { latencyOf } from './report.ts'
import type { RunReport } from './report.ts'
import { rootOf, send } from './server/family.ts'
import type { Running } from './server/running.ts'
import type { Settings } from './settings.ts'
import { ShellCommand } from './shell-command.ts'
import type { Situation } from './situations/situation.ts'
import { Stage } from './stage.ts'
import { unspanned } from './stopped.ts'
import { lossFaults } from './verdict.ts'

/** One server that every situation deploys. After a failed deploy, the next situation starts another server. */
export class Deployed {
  readonly #launcher: Launcher
  readonly #settings: Settings
  #launched: Launched | undefined

  constructor(launcher: Launcher, settings: Settings) {
    this.#launcher = launcher
    this.#settings = settings
  }

  /** Plays a situation around one or two deploys. */
  async play(situation: Situation): Promise<RunReport> {
    const launched = (this.#launched ??= await this.#launcher.launch())
    const { server, findings } = launched
    const settings = this.#settings
    const over = new AbortController()
    let outcome: Promise<DeployOutcome> | undefined
    const { broken } = settings
    const breaks = situation.event === 'broken' ? broken : undefined
    const mended = breaks && this.#launcher.owe(() => this.#run(breaks.mend, '--mend', launched))
    const trigger = async (): Promise<void> => {
      if (breaks !== undefined) await this.#run(breaks.break, '--break', launched)
      await new Promise<void>((resolve) => {
        outcome = deploy.run(situation.event, resolve).finally(() => {
          over.abort()
          resolve()
        })
        // `play()` awaits the outcome once the clients have finished.
        outcome.catch(() => {})
      })
    }
    const stage = new Stage({ settings, findings, server, trigger, over: over.signal })
    const deploy = new Deploy({
      port: findings.address.port,
      trigger: () => this.#trigger(situation),
      limit: settings.limit,
      look: () => server.members(),
      answered: () => stage.ledger.counts().answered ?? 0,
    })
    let acted: Acted
    try {
      acted = await act(situation, stage)
    } finally {
      await mended?.()
    }
    const deployed = await outcome
    stage.ledger.closeAll()
    const timeline = stage.ledger.entries()
    const skipped = acted.skipped ?? (acted.faults.length === 0 ? unspanned(situation, timeline) : undefined)
    const faults =
      skipped === undefined ? [...acted.faults, ...lossFaults(timeline), ...(deployed?.faults ?? [])] : []
    if (deployed === undefined || deployed.faults.length > 0) await this.end()
    return {
      verdict: skipped !== undefined ? 'skip' : faults.length > 0 ? 'fail' : 'pass',
      ...(skipped !== undefined && { reason: skipped }),
      remark: stage.remark,
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
    const launched = this.#launched
    if (launched === undefined) return
    if (event.kind === 'restart-command') {
      const deployed = this.#run(event.command, '--restart-command', launched)
      // The command may fail when it deploys a broken version.
      await (kind === 'broken' ? deployed.catch(() => {}) : deployed)
    } else {
      const root = currentRoot(launched.server)
      if (root !== undefined) send(root, event.signal)
    }
  }

  /** @param flag the option that names the command */
  async #run(command: string, flag: string, { server, findings }: Launched): Promise<void> {
    const shell = new ShellCommand(command, flag, {
      pid: currentRoot(server) ?? server.pid,
      port: findings.address.port,
      mark: server.mark,
      limit: this.#settings.limit,
    })
    const release = this.#launcher.owe(async () => shell.kill())
    try {
      await shell.ended
    } finally {
      await release()
    }
  }
}

/** The process that verify started, or the process that has replaced it. */
function currentRoot(server: Running): number | undefined {
  const members = server.members()
  return members.some(({ pid }) => pid === server.pid) ? server.pid : rootOf(members)?.pid
}
