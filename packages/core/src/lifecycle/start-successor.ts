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

/** A successor that is ready, and what it was given. */
export interface StartedSuccessor {
  readonly successor: Successor
  readonly servers: readonly Inheritable[]
  /** The sockets of these servers, and those that have no connections. */
  readonly sockets: readonly InheritedListener[]
}

export interface StartOptions {
  readonly generation: number
  readonly abort: AbortSignal
  /** Whether this process becomes its keeper. */
  readonly isKept: boolean
  /** Called when its process has been asked for. From now on it may have read its code; a keeper says so only later. */
  readonly onSpawning: () => void
  /** Called when its process is there. */
  readonly onSpawned: (successor: Successor) => void
}

/**
 * How long a restart below a keeper waits for the other half of a signal that was sent to a whole process group, in
 * milliseconds: dumb-init signals the keeper and this process, and the keeper passes its own on. Two signals that come
 * before the successor has read any code are one deploy.
 */
const groupPause = 100

/** The longest pause, in milliseconds, before a successor is started again that a signal has ended while Node started. */
const longestPause = 1000

/**
 * Starts a successor and resolves when it is ready. Rejects with the reason why it is not, and has dismissed it by then.
 *
 * In the tens of milliseconds before a preload can run, Node gives every signal its default action, also those that were
 * ignored or blocked when it was started. So a restart signal that is sent to all processes of a name may end a successor
 * then: it is started again, with the newest code.
 * https://github.com/nodejs/node/blob/v20.19.0/src/node.cc (ResetSignalHandlers, PlatformInit)
 */
export async function startSuccessor(context: Context, options: StartOptions): Promise<StartedSuccessor> {
  const { datagrams, listeners, reporter, settings, system } = context
  const { readyTimeout, manualReady, signals } = settings
  const { generation, abort } = options
  reporter.tell('restart:start', { generation })
  const begun = system.now()
  if (system.keeper !== undefined) await pause(system, groupPause, abort)
  const made = successorEnvironment(system, settings.successorEnv, { readyTimeout, abort })
  const environment = made instanceof Promise ? await made : made
  for (let hits = 0; ; hits++) {
    // Not before: what closes meanwhile leaves the number of its descriptor to something else.
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
    }
    const ticketKeys = (): TicketKeys[] => ticketKeysOf(servers)
    // A restart that is asked for in the same turn comes before the successor has read anything.
    queueMicrotask(options.onSpawning)
    const successor = await spawnSuccessor(system, inheritance, environment, options.isKept)
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
      // A program that does this to itself must not be started without a pause.
      await pause(system, Math.min(2 ** hits, longestPause), abort)
    }
  }
}

/** Tells of the first message of a successor that cannot be read. */
function warnOnce(reporter: Context['reporter'], successor: Successor): void {
  const release = successor.onUnreadable((error) => {
    release()
    reporter.warn(error)
  })
}
