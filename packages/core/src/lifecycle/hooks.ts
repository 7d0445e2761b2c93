import type { DrainResult } from '../events/drain-report.ts'
import type { Release, System } from '../system/system.ts'
import type { Reporter } from '../events/reporter.ts'
import { hookTimeout, runHook } from '../servers/run-hook.ts'

/** What the hooks of each kind are told. */
export interface HookInfo {
  /** For `onReady` hooks: the generation of this process. */
  onReady: { readonly generation: number }
  /** For `onDrain` hooks: why the process drains. */
  onDrain: { readonly reason: string }
  /** For `onRestart` hooks: which side of the restart this process is on. */
  onRestart: RestartInfo
  /** For `onShutdown` hooks: how the drain went, and why the process drained. */
  onShutdown: DrainResult & { readonly reason: string }
  /** For `beforeExit` hooks: the exit status. */
  beforeExit: { readonly status: number }
}

/** Which side of a restart this process is on, and the other one. */
export interface RestartInfo {
  /** Which side of the restart this process is on. */
  readonly role: 'predecessor' | 'successor'
  /** The generation of this process. */
  readonly generation: number
  /** The process id of the other one, which may have ended. */
  readonly pid: number
}

export type HookKind = keyof HookInfo

/** How one hook is run. */
export interface HookOptions {
  /**
   * Milliseconds until zerodrop continues without the hook, and says so. `0` allows only synchronous work; `Infinity`
   * waits forever.
   * @default 5000
   */
  readonly timeout?: number
}

/** What is undone in the reverse of the order in which it was done. */
const backwards: ReadonlySet<HookKind> = new Set(['onShutdown', 'beforeExit'])

/** What runs on the way out. */
const last: ReadonlySet<HookKind> = new Set(['onDrain', 'onShutdown', 'beforeExit'])

interface Registration<Info> {
  readonly name: string
  readonly hook: (info: Info) => unknown
  readonly timeout: number
}

/** What the application has asked to be called for, in the order in which it asked. */
export class Hooks {
  readonly #system: System
  readonly #reporter: Reporter
  readonly #registered = new Map<HookKind, Set<Registration<never>>>()
  readonly #running = new Map<string, HookKind>()

  constructor(system: System, reporter: Reporter) {
    this.#system = system
    this.#reporter = reporter
  }

  /** @param late what it is told in a turn of its own, where its time has come before it was added */
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

  /** Those that have begun and not ended, by what reports call them. */
  get running(): readonly string[] {
    return [...this.#running.keys()]
  }

  /** Those of them that a process which ends would wait for. */
  get awaited(): readonly string[] {
    return [...this.#running].flatMap(([name, kind]) => (last.has(kind) ? name : []))
  }

  /** Runs all hooks of a kind, one after another. Never rejects: what goes wrong is reported, and the next one runs. */
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
