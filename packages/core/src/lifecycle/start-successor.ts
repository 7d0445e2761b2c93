import { type Abandonment, notStarted } from '../handover/abandoned.ts'
import type { TicketKeys } from '../handover/protocol.ts'
import type { Successor } from '../handover/successor.ts'
import { waitUntilReady, spawnSuccessor } from '../handover/successor-start.ts'
import { successorEnvironment } from '../handover/successor-environment.ts'
import { ticketKeysOf } from '../handover/ticket-keys.ts'
import type { Inheritance, InheritedListener } from '../listeners/inheritance.ts'
import type { Inheritable } from '../listeners/listener.ts'
import { survivedSignals } from '../signals/signal-actions.ts'
import { protocolVersion } from '../system/boot.ts'
import { pause } from '../system/within.ts'
import type { Context } from './context.ts'

/** A ready successor, and the sockets that it inherited. */
export interface StartedSuccessor {
  readonly successor: Successor
  readonly servers: readonly Inheritable[]
  /** The sockets of these servers, and sockets without connections. */
  readonly sockets: readonly InheritedListener[]
}

export interface StartOptions {
  readonly generation: number
  readonly abort: AbortSignal
  /** Whether this process becomes its keeper. */
  readonly isKept: boolean
  /**
   * Called when its process was requested. From now on it may have read its code; a keeper reports the start
   * only later.
   */
  readonly onSpawning: () => void
  /** Called when its process exists. */
  readonly onSpawned: (successor: Successor) => void
}

/**
 * How long a restart under a keeper waits for the second copy of a signal to the whole process group, in
 * milliseconds: dumb-init signals the keeper and this process, and the keeper passes its copy on. Two
 * signals that arrive before the successor has read any code are one deploy.
 */
const groupPause = 100

/**
 * The longest pause before restarting a successor that a signal has ended while Node started, in
 * milliseconds.
 */
const longestPause = 1000

/**
 * Starts a successor and resolves when it is ready. If it does not become ready, dismisses it and rejects
 * with the reason.
 *
 * In the tens of milliseconds before a preload can run, Node gives every signal its default action, even if
 * it was ignored or blocked at the start. So a restart signal to all processes of that name may end a
 * successor then: zerodrop starts it again, with the newest code.
 * https://github.com/nodejs/node/blob/v20.19.0/src/node.cc (ResetSignalHandlers, PlatformInit)
 */
export async function startSuccessor(context: Context, options: StartOptions): Promise<StartedSuccessor> {
  const { datagrams, listeners, reporter, settings, system } = context
  const { readyTimeout, manualReady, signals } = settings
  const { generation, abort } = options
  reporter.tell('restart:start', { generation })
  const begun = system.now()
  if (system.keeper?.connected === true) await pause(system, groupPause, abort)
  const made = successorEnvironment(system, settings.successorEnv, { readyTimeout, abort })
  const environment = made instanceof Promise ? await made : made
  for (let hits = 0; ; hits++) {
    // Not before: if a socket closes in the meantime, its descriptor number goes to something else.
    const servers = listeners.inheritable
    const sockets = [...servers, ...datagrams.inheritable]
    const bootSignals = survivedSignals(signals)
    const inheritance: Inheritance = {
      version: protocolVersion,
      generation,
      pid: system.pid,
      listeners: [
        ...servers.map(({ requested, bound, fd, listener }) => ({
          requested,
          bound,
          fd,
          ...(listener.foreign === true && { foreign: true }),
        })),
        ...datagrams.inheritable.map(({ requested, bound, fd }) => ({ requested, bound, fd })),
      ],
      ticketKeys: ticketKeysOf(servers).length > 0,
      bootSignals,
      ...(readyTimeout !== Infinity && { readyTimeout }),
      ...(system.registers && { register: true }),
    }
    const ticketKeys = (): TicketKeys[] => ticketKeysOf(servers)
    if (isShutDown(abort)) throw notStarted(generation)
    // A restart requested in the same tick comes before the successor has read any code.
    queueMicrotask(options.onSpawning)
    const successor = await spawnSuccessor(system, inheritance, environment, options.isKept).catch(
      (error) => {
        // A draining process closes its sockets, and its keeper cannot give them to a successor.
        throw isShutDown(abort) ? notStarted(generation) : error
      },
    )
    options.onSpawned(successor)
    warnOnce(reporter, successor)
    try {
      await waitUntilReady(system, successor, { readyTimeout, manualReady, begun, abort, ticketKeys })
      return { successor, servers, sockets }
    } catch (error) {
      void successor.dismiss(system)
      const signal = successor.heard ? undefined : successor.exit?.signal
      if (abort.aborted || !signal || !bootSignals.includes(signal)) throw error
      reporter.write(
        `${signal} ended generation ${generation} (pid ${successor.pid}) before Node could handle signals; it is started again`,
        { successor: successor.pid, signal },
      )
      // A program that sends itself the signal must not be started again without a pause.
      await pause(system, Math.min(2 ** hits, longestPause), abort)
    }
  }
}

function isShutDown(abort: AbortSignal): boolean {
  return abort.aborted && (abort.reason as Abandonment) === 'shutdown'
}

/** Reports the first message of a successor that cannot be read. */
function warnOnce(reporter: Context['reporter'], successor: Successor): void {
  const release = successor.onUnreadable((error) => {
    release()
    reporter.warn(error)
  })
}
