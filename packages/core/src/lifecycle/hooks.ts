import type { DrainResult } from '../events/drain-report.ts'
import type { Release, System } from '../system/system.ts'
import type { Reporter } from '../events/reporter.ts'
import { hookTimeout, runHook } from '../servers/run-hook.ts'

/** The argument of the hooks of each kind. */
export interface HookInfo {
  /** Passed to `onReady` hooks: the generation of this process. */
  onReady: { readonly generation: number }
  /** Passed to `onDrain` hooks: why the process drains. */
  onDrain: { readonly reason: string }
  /** Passed to `onRestart` hooks: which side of the restart this process is on. */
  onRestart: RestartInfo
  /** Passed to `onShutdown` hooks: how the drain went, and why the process drained. */
  onShutdown: DrainResult & { readonly reason: string }
  /** Passed to `beforeExit` hooks: the exit status. */
  beforeExit: { readonly status: number }
}

/** Which side of a restart this process is on, and the other one. */
export interface RestartInfo {
  /** Which side of the restart this process is on. */
  readonly role: 'predecessor' | 'successor'
  /** The generation of this process. */
  readonly generation: number
  /** The process id of the other process, which may have ended. */
  readonly pid: number
}

export type HookKind = keyof HookInfo

/** Options of one hook. */
export interface HookOptions {
  /**
   * Milliseconds until zerodrop continues without the hook, and says so. `0` allows only synchronous work; `Infinity`
   * waits forever.
   * @default 5000
   */
  readonly timeout?: number
}

/** The kinds that run in reverse order. */
const backwards: ReadonlySet<HookKind> = new Set(['onShutdown', 'beforeExit'])

/** The kinds that run while the process ends. */
const last: ReadonlySet<HookKind> = new Set(['onDrain', 'onShutdown', 'beforeExit'])

interface Registration<Info> {
  readonly name: string
  readonly hook: (info: Info) => unknown
  readonly timeout: number
}

/** The application's hooks, in the order in which they were added. */
export class Hooks {
  readonly #system: System
  readonly #reporter: Reporter
  readonly #registered = new Map<HookKind, Set<Registration<never>>>()
  readonly #running = new Map<string, HookKind>()

  constructor(system: System, reporter: Reporter) {
    this.#system = system
    this.#reporter = reporter
  }

  /** @param late the argument for the hook if its time has already come: it then runs on the next tick */
  add<Kind extends HookKind>(
    kind: Kind,
    name: string,
    hook: (info: HookInfo[Kind]) => unknown,
    { timeout = hookTimeout }: HookOptions,
    late?: HookInfo[Kind],
  ): Release {
    const registered = { name: `${kind} hook "${name}"`, hook, timeout }
    const kin = this.#registered.get(kind) ?? new Set()
    this.#registered.set(kind, kin.add(registered))
    if (late !== undefined)
      this.#system.setImmediate(() => {
        if (kin.has(registered)) void this.#run(kind, registered, late)
      })
    return () => kin.delete(registered)
  }

  /** The names, as in reports, of the hooks that are running. */
  get running(): readonly string[] {
    return [...this.#running.keys()]
  }

  /** The names of the running hooks that a process waits for before it ends. */
  get awaited(): readonly string[] {
    return [...this.#running].flatMap(([name, kind]) => (last.has(kind) ? name : []))
  }

  /**
   * Runs all hooks of a kind, one after another. Never rejects: it reports a hook that fails and runs the
   * next one.
   */
  async run<Kind extends HookKind>(kind: Kind, info: HookInfo[Kind]): Promise<void> {
    const hooks = [...(this.#registered.get(kind) ?? [])] as Registration<HookInfo[Kind]>[]
    if (backwards.has(kind)) hooks.reverse()
    for (const hook of hooks) await this.#run(kind, hook, info)
  }

  async #run<Kind extends HookKind>(
    kind: Kind,
    { name, hook, timeout }: Registration<HookInfo[Kind]>,
    info: HookInfo[Kind],
  ): Promise<void> {
    this.#running.set(name, kind)
    const error = await runHook(this.#system, { name, hook: () => hook(info), timeout }, Promise.resolve())
    this.#running.delete(name)
    if (error !== undefined) this.#reporter.warn(error)
  }
}
