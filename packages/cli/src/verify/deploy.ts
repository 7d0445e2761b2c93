import { commandLineOf, pids, processEntry, socketInodes } from './server/proc.ts'
import type { ProcessEntry } from './server/proc.ts'
import { listeningRows } from './server/sockets.ts'
import type { Situation } from './situations/situation.ts'
import { until } from './until.ts'
import type { Fault } from './verdict.ts'

export interface DeployOutcome {
  readonly faults: readonly Fault[]
  readonly words: string
  readonly took: number
}

export interface DeployOptions {
  readonly port: number
  readonly trigger: () => Promise<void>
  /** In milliseconds. */
  readonly limit: number
  /** Called repeatedly, because a child process can be recognized only while its parent lives. */
  readonly look: () => unknown
  /** The number of requests that have been answered so far. */
  readonly answered: () => number
}

/** One deploy, seen from outside: which processes listen on the port before and after it. */
export class Deploy {
  readonly #port: number
  readonly #trigger: () => Promise<void>
  readonly #limit: number
  readonly #look: () => unknown
  readonly #answered: () => number
  #before: readonly Holder[] = []
  /** The processes that ran before the deploy and did not listen on the port. */
  #strangers: ReadonlySet<number> = new Set()

  constructor({ port, trigger, limit, look, answered }: DeployOptions) {
    this.#port = port
    this.#trigger = trigger
    this.#limit = limit
    this.#look = look
    this.#answered = answered
  }

  /** @param onSent called when the signal has been sent or the command has started */
  async run(kind: Situation['event'], onSent: () => void): Promise<DeployOutcome> {
    const from = performance.now()
    const deadline = from + this.#limit
    const there = pids()
    this.#before = await this.#holders(there)
    this.#strangers = new Set(there.filter((pid) => this.#before.every((holder) => holder.pid !== pid)))
    const triggered = this.#trigger()
    onSent()
    await triggered
    if (kind === 'broken') return this.#broken(from, deadline)
    const first = await until(() => this.#newer(this.#before), deadline, POLL)
    if (first === undefined)
      return failed('not-deployed', `no new process listened within ${this.#limit} ms`, from)
    let old = this.#before
    if (kind === 'twice') {
      old = await this.#holders()
      await this.#trigger()
      const second = await until(() => this.#newer([...old, ...this.#before]), deadline, POLL)
      if (second === undefined)
        return failed(
          'not-deployed',
          'what serves in the end was started before the second deploy began',
          from,
        )
    }
    const gone = await until(
      async () => (await this.#remaining(old)).length === 0 || undefined,
      deadline,
      POLL,
    )
    if (gone === undefined) {
      const remaining = (await this.#remaining(old)).map(({ pid }) => pid).join(', ')
      return failed(
        'old-stays',
        `the old process (${remaining}) was still running after ${this.#limit} ms`,
        from,
      )
    }
    const took = Math.round(performance.now() - from)
    return { faults: [], words: `deployed in ${(took / 1000).toFixed(1)} s`, took }
  }

  /** Deploys a version that cannot start: the deploy is over when a process of the new version has started and ended. */
  async #broken(from: number, deadline: number): Promise<DeployOutcome> {
    const parents = new Set(this.#before.map(({ pid }) => pid))
    const newcomer = await until(
      () => this.#others().find(({ pid, parent }) => parents.has(parent) && !parents.has(pid)),
      deadline,
      5,
    )
    if (newcomer !== undefined)
      await until(() => processEntry(newcomer.pid)?.started !== newcomer.started || undefined, deadline, POLL)
    const took = Math.round(performance.now() - from)
    // A process that leaves with the new version takes a moment to do so.
    const enough = this.#answered() + SERVED
    await until(
      async () => this.#answered() >= enough || !(await this.#oldListens()) || undefined,
      deadline,
      POLL,
    )
    if (await this.#oldListens()) return { faults: [], words: 'the old version serves on', took }
    return failed('old-gone', 'the old process is gone, though the new version could not start', from)
  }

  async #oldListens(): Promise<boolean> {
    return (await this.#holders()).some((holder) => isAmong(this.#before, holder))
  }

  /** A process outside `than` that listens on the port. */
  async #newer(than: readonly ProcessEntry[]): Promise<ProcessEntry | undefined> {
    return (await this.#holders()).find((holder) => !isAmong(than, holder))
  }

  /** Every process that has the listening socket open. */
  async #holders(among?: readonly number[]): Promise<Holder[]> {
    this.#look()
    const inodes = new Set(
      (await listeningRows()).flatMap(({ port, inode }) => (port === this.#port ? [inode] : [])),
    )
    const candidates = among?.flatMap((pid) => processEntry(pid) ?? []) ?? this.#others()
    return candidates
      .filter(({ pid }) => [...socketInodes(pid)].some((inode) => inodes.has(inode)))
      .map((entry) => ({ ...entry, commandLine: commandLineOf(entry.pid) }))
  }

  /** The processes that listened before the deploy, and those that started since. */
  #others(): ProcessEntry[] {
    return pids().flatMap((pid) => (this.#strangers.has(pid) ? [] : (processEntry(pid) ?? [])))
  }

  /** The live processes of `old`, except a master and a process that has become the keeper of the new generation. */
  async #remaining(old: readonly Holder[]): Promise<Holder[]> {
    const above = new Set(
      (await this.#holders())
        .filter((each) => !isAmong(old, each))
        .flatMap(({ parent }) => ancestors(parent)),
    )
    const isMaster = ({ pid, commandLine }: Holder): boolean =>
      above.has(pid) &&
      (old.some(({ parent }) => ancestors(parent).includes(pid)) || commandLineOf(pid) !== commandLine)
    return old.filter((holder) => processEntry(holder.pid)?.started === holder.started && !isMaster(holder))
  }
}

/** A process that has the listening socket open. */
interface Holder extends ProcessEntry {
  readonly commandLine: string
}

function ancestors(pid: number): number[] {
  return pid > 1 ? [pid, ...ancestors(processEntry(pid)?.parent ?? 0)] : []
}

/** In milliseconds. */
const POLL = 20

/** The number of requests that the old version has to answer after the new version has ended. */
const SERVED = 100

const words = {
  'not-deployed': 'not deployed',
  'old-stays': 'old process stays',
  'old-gone': 'old process gone',
}

function failed(kind: keyof typeof words, saw: string, from: number): DeployOutcome {
  return { faults: [{ kind, saw }], words: words[kind], took: Math.round(performance.now() - from) }
}

function isAmong(some: readonly ProcessEntry[], entry: ProcessEntry): boolean {
  return some.some(({ pid, started }) => pid === entry.pid && started === entry.started)
}
