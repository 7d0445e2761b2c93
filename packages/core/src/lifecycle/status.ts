import { addCounts, type ConnectionCounts, countConnections, noConnections } from '../connections/count.ts'
import { isClosing } from '../drain/close-gently.ts'
import { describeConnection } from '../events/describe-drain.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { Context } from './context.ts'
import type { DrainRecord, History, RestartRecord } from './history.ts'
import type { WaitingRestart } from './restarts.ts'
import type { State } from './state.ts'

/**
 * What the process is doing, as plain data. `JSON.stringify()` turns dates into strings and a `timeLeft` of
 * `Infinity` into `null`, and leaves out undefined members.
 */
export interface Status {
  /** The process id. */
  readonly pid: number
  /** 1 for a process that a person or a supervisor has started; each restart adds 1. */
  readonly generation: number
  /** The current state of the process. */
  readonly state: State
  /** Whether the process is ready: the same as `lifecycle.health().ready`. */
  readonly ready: boolean
  /** When the process started. */
  readonly startedAt: Date
  /** When the process became ready; undefined before that. */
  readonly readyAt: Date | undefined
  /** The servers of the process. */
  readonly listeners: readonly ListenerStatus[]
  /** The connections of all listeners together. */
  readonly connections: ConnectionCounts
  /** The current drain; undefined unless the process drains or hands over. */
  readonly drain: DrainStatus | undefined
  /** The last drain: the predecessor's, or this process's own once that is over. */
  readonly lastDrain: DrainRecord | undefined
  /**
   * How many restarts have succeeded since the first generation, and how many have failed in this process.
   */
  readonly restarts: { readonly completed: number; readonly failed: number }
  /**
   * The last restart that this process has attempted. Before its first attempt, this is the restart that
   * created this process, from its start to the end of its predecessor; it is known once the predecessor has
   * ended, and never if the predecessor died.
   */
  readonly lastRestart: RestartRecord | undefined
  /** A requested restart that waits for an earlier generation to end. */
  readonly waitingRestart: WaitingRestart | undefined
  /** How many connections came from the predecessor and went to the successor, in all and by kind. */
  readonly migrated: {
    readonly received: number
    readonly sent: number
    readonly websockets: { readonly received: number; readonly sent: number }
    readonly streams: { readonly received: number; readonly sent: number }
  }
  /** How many requests and connections were cut, here and in the predecessor's drain. */
  readonly cut: number
}

/** What one server of this process is doing. */
export interface ListenerStatus {
  /**
   * Such as `tcp://[::]:3000` or `unix:///run/app.sock`; undefined for a server that gets its connections
   * from another server.
   */
  readonly address: string | undefined
  /** Whether the socket came from the predecessor. */
  readonly inherited: boolean
  /** False once the process has stopped accepting connections on this address. */
  readonly accepting: boolean
  /** The server's connections, counted by state. */
  readonly connections: ConnectionCounts
}

/** How far a drain has come. */
export interface DrainStatus {
  /** How long the drain has taken so far, in milliseconds. */
  readonly milliseconds: number
  /**
   * Milliseconds until the rest is cut: `Infinity` (in JSON `null`) if there is no deadline, 0 if it has
   * passed.
   */
  readonly timeLeft: number
  /**
   * The first hundred requests and connections that the drain waits for, without idle and closing
   * connections.
   */
  readonly waitingFor: readonly CutConnection[]
  /** The application's hooks that are running, named as in reports: `onShutdown hook "database"`. */
  readonly hooks: readonly string[]
}

/** The sources of the status, besides the context that all parts of the lifecycle share. */
export interface StatusSources {
  readonly generation: number
  readonly ready: boolean
  readonly history: History
  readonly isInherited: (address: string | undefined) => boolean
  readonly migrated: Status['migrated']
  readonly waitingRestart: WaitingRestart | undefined
}

const mostNamed = 100

export function statusOf(context: Context, sources: StatusSources): Status {
  const { generation, history, isInherited, migrated, ready, waitingRestart } = sources
  const { drains, servers, state, system } = context
  const listeners = servers.open.map(
    ({ address, connections, drain, fedBy, server }): ListenerStatus => ({
      address,
      inherited: isInherited(address),
      accepting: server.listening || (fedBy !== undefined && drain === undefined),
      connections: countConnections(connections, isClosing),
    }),
  )
  const ending = state.current === 'draining' || state.current === 'handing-over'
  return {
    pid: system.pid,
    generation,
    state: state.current,
    ready,
    startedAt: history.startedAt,
    readyAt: history.readyAt,
    listeners,
    connections: listeners.map(({ connections }) => connections).reduce(addCounts, noConnections),
    drain: ending ? drainStatus(drains.progress, system.now(), context.hooks.running) : undefined,
    lastDrain: history.lastDrain,
    restarts: { completed: generation - 1, failed: history.failedRestarts },
    lastRestart: history.lastRestart,
    waitingRestart,
    migrated,
    cut: history.cut,
  }
}

function drainStatus(
  progress: Context['drains']['progress'],
  now: number,
  hooks: readonly string[],
): DrainStatus | undefined {
  if (progress === undefined) return undefined
  const { begun, deadline, servers } = progress
  return {
    milliseconds: now - begun,
    timeLeft: Math.max(0, deadline - now),
    waitingFor: servers.flatMap((server) => server.underWay()).slice(0, mostNamed),
    hooks,
  }
}

/** Describes the status in lines of text. */
export function describeStatus(status: Status): string[] {
  const { drain, generation, lastRestart, listeners, ready, readyAt, state, waitingRestart } = status
  const since = readyAt === undefined ? '' : `, since ${readyAt.toISOString()}`
  const lines = [`${state}, ${ready ? 'ready' : 'not ready'}, generation ${generation}${since}`]
  for (const { address, inherited, accepting, connections } of listeners) {
    const how = `${inherited ? ' (inherited)' : ''}${accepting ? '' : ' (no longer accepting)'}`
    lines.push(
      `${address ?? 'a server that another one gives its connections'}${how}: ${describeCounts(connections)}`,
    )
  }
  if (drain !== undefined) lines.push(...describeDrain(drain))
  if (waitingRestart !== undefined) lines.push(describeWaiting(waitingRestart))
  if (lastRestart !== undefined) lines.push(describeRestart(lastRestart))
  return lines
}

export function describeCounts({ requests, ...connections }: ConnectionCounts): string {
  const states = Object.entries(connections).filter(([, count]) => count > 0)
  if (states.length === 0) return 'no connections'
  const total = states.reduce((sum, [, count]) => sum + count, 0)
  const parts = states.map(([state, count]) => `${count} ${state}`).join(', ')
  return `${total} ${total === 1 ? 'connection' : 'connections'} (${parts}), ${requests} in flight`
}

function describeDrain({ milliseconds, timeLeft, waitingFor, hooks }: DrainStatus): string[] {
  const left = timeLeft === Infinity ? 'no deadline' : `${Math.round(timeLeft)} ms left`
  return [
    `draining for ${Math.round(milliseconds)} ms, ${left}`,
    ...waitingFor.map((each) => `waiting for ${describeConnection(each)}`),
    ...hooks.map((hook) => `waiting for the ${hook}`),
  ]
}

function describeWaiting({ generation, waitingFor, milliseconds, timeLeft }: WaitingRestart): string {
  const until = `for ${Math.round(milliseconds)} ms so far, and for ${Math.round(timeLeft)} ms more at most`
  return `the restart to generation ${generation} waits for ${waitingFor.join(' and ')}, ${until}`
}

function describeRestart({ startedAt, generation, result, milliseconds, error }: RestartRecord): string {
  const what = generation === undefined ? 'restart' : `restart to generation ${generation}`
  const why = error === undefined ? '' : `: ${error.code}`
  return `last ${what}: ${result} after ${Math.round(milliseconds)} ms, begun ${startedAt.toISOString()}${why}`
}
