import { processStat } from './process-stat.ts'

/** How long after the predecessor's end the kernel's signal may arrive, in milliseconds. */
const window = 1000

/**
 * The terminal of a predecessor that leads its session, as under `script -c`. When such a process ends, the kernel sends
 * SIGHUP to the terminal's foreground group, in which its successor is, and takes the terminal from the session:
 * https://github.com/torvalds/linux/blob/v6.12/drivers/tty/tty_jobctrl.c (disassociate_ctty). That is not a
 * deploy, and the terminal itself still exists.
 */
export class LedSession {
  readonly #clock: () => number
  /** Undefined if there is no such predecessor, and once the signal has arrived. */
  #leader: number | undefined
  #endedAt: number | undefined

  constructor(clock: () => number) {
    this.#clock = clock
    const own = processStat(process.pid)
    if (own === undefined || own.terminal === 0 || own.foreground !== own.group) return
    if (own.session === process.ppid) this.#leader = own.session
  }

  /** The predecessor is gone. */
  end(): void {
    this.#endedAt ??= this.#clock()
  }

  /** Whether the kernel has sent a SIGHUP that has just arrived because of that end. True once. */
  takeHangUp(): boolean {
    const leader = this.#leader
    if (leader === undefined || !isEnding(leader)) return false
    const since = this.#endedAt === undefined ? 0 : this.#clock() - this.#endedAt
    this.#leader = undefined
    return since <= window
  }
}

/**
 * The predecessor has announced its end before the kernel sends the signal, and the signal arrives before
 * the process has ended.
 */
function isEnding(pid: number): boolean {
  const stat = processStat(pid)
  return stat === undefined || /[ZX]/.test(stat.state) || stat.exiting
}
