import { hasInEnvironment, hasOpenAsMark, pids, processEntry } from './proc.ts'
import type { ProcessEntry } from './proc.ts'

/** What the processes of a server inherit. */
export interface Mark {
  /** An environment variable, as `NAME=value`. */
  readonly environment: string
  /** The name of a file that only these processes have open. A container inherits none. */
  readonly file?: string
}

/**
 * All processes that descend from the started process: its descendants by parent, its session, and each process that carries
 * its mark in the environment or as an open file. At least one of the four finds even a process that daemonizes, is orphaned
 * and overwrites its environment, as nginx does. Only descendants can have the mark.
 */
export class Family {
  readonly #root: number
  readonly #mark: Mark | undefined
  readonly #members = new Map<number, ProcessEntry>()
  /** Unrelated processes. They stay unrelated: a child inherits the environment and the files of its parent at its start. */
  readonly #others = new Set<number>()

  /** @param root 0 if the first process had ended before its pid was read */
  constructor(root: number, mark?: Mark) {
    this.#root = root
    this.#mark = mark
    const entry = processEntry(root)
    if (entry !== undefined) this.#members.set(root, entry)
  }

  /** The live processes, oldest first. */
  members(): ProcessEntry[] {
    const there = pids()
    this.#forget(new Set(there))
    const fresh = there.flatMap((pid) =>
      this.#others.has(pid) || this.#members.has(pid) ? [] : (processEntry(pid) ?? []),
    )
    for (const entry of fresh) if (this.#belongs(entry)) this.#members.set(entry.pid, entry)
    for (let before = -1; before !== this.#members.size; ) {
      before = this.#members.size
      for (const entry of fresh) if (this.#members.has(entry.parent)) this.#members.set(entry.pid, entry)
    }
    for (const { pid } of fresh) if (!this.#members.has(pid)) this.#others.add(pid)
    return [...this.#members.values()].sort(
      (one, other) => one.started - other.started || one.pid - other.pid,
    )
  }

  /** Sends a signal to each live member. */
  signal(signal: NodeJS.Signals): void {
    for (const { pid } of this.members()) send(pid, signal)
  }

  /** Forgets processes that have ended, because the kernel may reuse their pids. */
  #forget(there: ReadonlySet<number>): void {
    for (const pid of this.#others) if (!there.has(pid)) this.#others.delete(pid)
    for (const [pid, { started }] of this.#members) {
      const now = processEntry(pid)
      if (now?.started !== started) this.#members.delete(pid)
      else this.#members.set(pid, now)
    }
  }

  #belongs(entry: ProcessEntry): boolean {
    // The first process is a member from the start. A later process with its pid is another one.
    if (this.#mark === undefined) return false
    const { environment, file } = this.#mark
    return (
      // Session 0 is that of processes whose session leader is outside of this pid namespace.
      (this.#root > 0 && entry.session === this.#root) ||
      hasInEnvironment(entry.pid, environment) ||
      (file !== undefined && hasOpenAsMark(entry.pid, file))
    )
  }
}

/** The root of a family whose first process is gone: its newest member without a parent in the family. */
export function rootOf(members: readonly ProcessEntry[]): ProcessEntry | undefined {
  const inside = new Set(members.map(({ pid }) => pid))
  return members.filter(({ parent }) => !inside.has(parent)).at(-1)
}

export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
