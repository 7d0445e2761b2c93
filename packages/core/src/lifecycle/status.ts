import { addCounts, type ConnectionCounts, countConnections, noConnections } from '../connections/count.ts'
import { isClosing } from '../drain/close-gently.ts'
import { describeConnection } from '../events/describe-drain.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { Context } from './context.ts'
import type { DrainRecord, History, RestartRecord } from './history.ts'
import type { WaitingRestart } from './restarts.ts'
import type { State } from './state.ts'

/**
 * What the process is doing: plain data. `JSON.stringify` makes strings of the dates, leaves out what is undefined, and makes
 * `null` of a `timeLeft` of `Infinity`.
 */
export interface Status {
  /** The process id. */
  readonly pid: number
  /** 1 for a process that was started by hand or by a supervisor, one more for each restart. */
  readonly generation: number
  /** Where the process is in its life. */
  readonly state: State
  /** Whether it is ready, as `lifecycle.health()` says it. */
  readonly ready: boolean
  /** When the process started. */
  readonly startedAt: Date
  /** When it became ready; undefined before. */
  readonly readyAt: Date | undefined
  /** Its servers. */
  readonly listeners: readonly ListenerStatus[]
  /** The connections of all listeners together. */
  readonly connections: ConnectionCounts
  /** While the process drains, or hands over. */
  readonly drain: DrainStatus | undefined
  /** The drain that came last: the predecessor's, or once it is over this process's own. */
  readonly lastDrain: DrainRecord | undefined
  /** Restarts that have succeeded since the first generation, and those that have failed in this process. */
  readonly restarts: { readonly completed: number; readonly failed: number }
  /**
   * The last attempt in this process. Until it has made one: the restart that this process came from, from the start of the
   * process to the end of its predecessor. That is known once the predecessor has ended, and not if it died.
   */
  readonly lastRestart: RestartRecord | undefined
  /** The restart that was asked for and waits for an earlier generation to end. */
  readonly waitingRestart: WaitingRestart | undefined
  /** Connections that were taken over from the predecessor, and by the successor; and how many were of what kind. */
  readonly migrated: {
    readonly received: number
    readonly sent: number
    readonly websockets: { readonly received: number; readonly sent: number }
    readonly streams: { readonly received: number; readonly sent: number }
  }
  /** Requests and connections that were cut, here and in the predecessor's drain. */
  readonly cut: number
}

/** What one server of this process is doing. */
export interface ListenerStatus {
  /** Such as `tcp://[::]:3000` or `unix:///run/app.sock`; undefined for a server that another one gives its connections. */
  readonly address: string | undefined
  /** Whether the socket came from the predecessor. */
  readonly inherited: boolean
  /** False once the process has stopped accepting there. */
  readonly accepting: boolean
  /** Its connections, by what each is doing. */
  readonly connections: ConnectionCounts
}

/** How far a drain has come. */
export interface DrainStatus {
  /** How long it has taken so far. */
  readonly milliseconds: number
  /** Milliseconds until what is left will be cut; `Infinity`, in JSON `null`, for never, 0 if that is over. */
  readonly timeLeft: number
  /** What it waits for, by name: the first hundred. Idle connections and those that close are not among them. */
  readonly waitingFor: readonly CutConnection[]
  /** The hooks of the application that are running, as reports call them: `onShutdown hook "database"`. */
  readonly hooks: readonly string[]
}

/** What the status is made from, besides what all parts of the lifecycle share. */
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

/** The status in lines for a person. */
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
