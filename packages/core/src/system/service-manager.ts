import { type ChildProcess, spawn } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import path from 'node:path'
import { ancestors } from './ancestors.ts'

/** A notice to a service manager, with the field names of sd_notify(3): `READY`, `STATUS`, `MAINPID`. */
export type Notice = Readonly<Record<string, string>>

/** systemd, or a compatible program, that this service has to notify. */
export interface ServiceManager {
  /** The variables that a successor needs to notify it as well. */
  readonly variables: Readonly<Record<string, string>>
  /**
   * How often to send the watchdog notice, in milliseconds: half of the limit. Undefined without a watchdog.
   */
  readonly watchdog: number | undefined
  /**
   * Sends a notice. Notices arrive in order. A notice that waits for an earlier one is merged with the next,
   * unless both announce a step.
   */
  tell(notice: Notice): void
  /** Resolves when every notice has arrived or has failed. */
  told(): Promise<void>
  /** Calls back with the reason when a notice could not be sent, once for each reason. */
  onFailed(listener: (reason: string) => void): void
  /** The time for `MONOTONIC_USEC`, in microseconds. */
  monotonic(): string
}

/** The steps of a service, which happen one after another: two of them in one notice would have no order. */
const steps: readonly string[] = ['READY', 'RELOADING', 'STOPPING']

/**
 * The longest status, in bytes. systemd ignores a notice of more than 4096 bytes as a whole, with the `READY=1` in it:
 * https://github.com/systemd/systemd/blob/v252/src/core/manager.c (NOTIFY_BUFFER_MAX, manager_dispatch_notify_fd)
 */
const longestStatus = 2048

/** `systemd-notify` itself waits five seconds for systemd to have read the notice. */
const notifyTimeout = 8000

/**
 * The service manager that `NOTIFY_SOCKET` names. Undefined without that variable, and in a child process
 * that the service has started: a draining child would report that the service stops.
 * @param keeper the pid of the keeper, if any
 * @param isSuccessor whether this process was started by a predecessor that notified the manager
 */
export function serviceManagerOf(
  keeper: number | undefined,
  isSuccessor: boolean,
): ServiceManager | undefined {
  const { NOTIFY_SOCKET, SYSTEMD_EXEC_PID, WATCHDOG_PID, WATCHDOG_USEC } = process.env
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return undefined
  const own = [process.pid, keeper].map(String)
  if (SYSTEMD_EXEC_PID !== undefined && !own.includes(SYSTEMD_EXEC_PID) && !isSuccessor)
    if (!isStartedByShell(Number(SYSTEMD_EXEC_PID))) return undefined
  const isWatched = WATCHDOG_PID === undefined || own.includes(WATCHDOG_PID) || isSuccessor
  const limit = isWatched ? Number(WATCHDOG_USEC) / 1000 : Number.NaN
  const isWanted = limit > 0
  const variables = { NOTIFY_SOCKET, ...(isWanted && WATCHDOG_USEC !== undefined && { WATCHDOG_USEC }) }
  return new NotifyingProgram(variables, isWanted ? Math.max(1, Math.floor(limit / 2)) : undefined)
}

/** Whether systemd has started this process directly or through programs other than Node. */
function isStartedByShell(first: number): boolean {
  try {
    for (const pid of ancestors()) {
      if (path.basename(readlinkSync(`/proc/${pid}/exe`)) === path.basename(process.execPath)) return false
      if (pid === first) return true
    }
  } catch {
    // It has ended in the meantime, or it belongs to another user.
  }
  return false
}

/**
 * Sends notices with the program `systemd-notify`, which is part of systemd.
 *
 * The socket takes datagrams, and Node cannot open a datagram socket in AF_UNIX
 * (https://github.com/nodejs/node/issues/29339). The alternatives cost more: an addon has to be compiled on
 * the user's machine, and `node:ffi` exists only since Node 26 and prints an ExperimentalWarning. The
 * program takes some milliseconds of another core for each notice, and a restart sends three. It is not the
 * main process, so the unit needs `NotifyAccess=all`.
 */
class NotifyingProgram implements ServiceManager {
  readonly watchdog: number | undefined
  readonly variables: Readonly<Record<'NOTIFY_SOCKET', string>>
  readonly #waiting: Notice[] = []
  readonly #reasons = new Set<string>()
  #onFailed: (reason: string) => void = () => {}
  #sending: Promise<void> | undefined

  constructor(variables: Readonly<Record<'NOTIFY_SOCKET', string>>, watchdog: number | undefined) {
    this.variables = variables
    this.watchdog = watchdog
  }

  tell(notice: Notice): void {
    const last = this.#waiting.at(-1)
    const isStep = (each: Notice): boolean => steps.some((step) => step in each)
    if (last === undefined || (isStep(last) && isStep(notice))) this.#waiting.push(notice)
    else this.#waiting.splice(-1, 1, { ...last, ...notice })
    this.#sending ??= this.#sendAll()
  }

  async told(): Promise<void> {
    await this.#sending
  }

  onFailed(listener: (reason: string) => void): void {
    this.#onFailed = listener
  }

  monotonic(): string {
    // CLOCK_MONOTONIC: https://github.com/libuv/libuv/blob/v1.50.0/src/unix/linux.c (uv__hrtime)
    return String(process.hrtime.bigint() / 1000n)
  }

  async #sendAll(): Promise<void> {
    for (let notice = this.#waiting.shift(); notice !== undefined; notice = this.#waiting.shift()) {
      const reason = await this.#send(notice)
      if (reason === undefined || this.#reasons.has(reason)) continue
      this.#reasons.add(reason)
      this.#onFailed(reason)
    }
    this.#sending = undefined
  }

  /** @returns why it could not be sent */
  #send(notice: Notice): Promise<string | undefined> {
    const fields = Object.entries(notice).map(([name, value]) => `${name}=${line(value)}`)
    return new Promise((resolve) => {
      let child: ChildProcess
      try {
        child = spawn('systemd-notify', fields, {
          stdio: 'ignore',
          env: { PATH: process.env['PATH'], NOTIFY_SOCKET: this.variables.NOTIFY_SOCKET },
          timeout: notifyTimeout,
          killSignal: 'SIGKILL',
        })
      } catch (error) {
        // Node's permission model refuses it, for example.
        resolve((error as Error).message)
        return
      }
      child.unref()
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) => resolve(code === 0 ? undefined : ending(code, signal)))
    })
  }
}

/**
 * One line: a line break would begin another field, a program's argument cannot contain a NUL, and the message of an
 * error may have any length.
 */
function line(text: string): string {
  const words = text.replace(/[\s\p{Cc}]+/gu, ' ')
  const bytes = Buffer.from(words)
  if (bytes.length <= longestStatus) return words
  // Without the part of a character at the cut.
  return `${bytes.toString('utf8', 0, longestStatus).replace(/\uFFFD+$/, '')}...`
}

function ending(code: number | null, signal: string | null): string | undefined {
  // `systemctl stop` signals every process of the service.
  if (signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGHUP') return undefined
  return signal === null ? `systemd-notify exited with code ${code}` : `systemd-notify was ended by ${signal}`
}
