import { describeConnection } from './describe-drain.ts'
import type { CutConnection } from './drain-report.ts'
import type { LifecycleEvents } from './events.ts'
import type { Level } from './logger.ts'

/** The log entry for an event. */
export interface LogLine {
  readonly level: Level
  readonly text: string
  /** The fields for a structured log, with an error under `err`. */
  readonly fields: object
  /** Whether it is also printed to stderr without a logger: only warnings, errors and results are. */
  readonly loud: boolean
}

/** The events that are logged. The content of other events is part of these. */
const lines: { readonly [Name in keyof LifecycleEvents]?: (payload: LifecycleEvents[Name][0]) => LogLine } = {
  inherited: (fields) => quiet('info', `generation ${fields.generation} takes over`, fields),
  listening: (fields) => quiet('debug', `listening on ${fields.address}`, fields),
  ready: (fields) => quiet('info', 'ready', fields),
  'health:check': ({ check, passes, error }) =>
    passes
      ? loud('info', `health check "${check}" passes again`, { check })
      : loud('warn', `${error?.code}: ${error?.message}`, { check, err: error }),
  'drain:start': (fields) => quiet('info', `draining: ${fields.reason}`, fields),
  'signal:merged': (fields) =>
    loud(
      'info',
      fields.own
        ? `${fields.signal}, sent by this process to itself, does not force the stop that ${fields.first} began`
        : `${fields.signal} again: the same request to stop as ${fields.first}`,
      fields,
    ),
  'drain:accept-stopped': (fields) => quiet('debug', 'no new connections', fields),
  'drain:settled': (fields) => quiet('debug', 'no new requests', fields),
  'drain:force': (fields) => quiet('warn', fields.forced ? 'cut by a signal' : 'deadline', fields),
  'connection:cut': ({ connection, forced }) =>
    loud('warn', `cut ${cutBy(connection, forced)}: ${describeConnection(connection)}`, {
      ...connection,
      forced,
    }),
  'restart:start': (fields) => quiet('info', `starting generation ${fields.generation}`, fields),
  'restart:merged': (fields) =>
    loud(
      'info',
      fields.follows
        ? `asked to restart again: one more restart follows the one to generation ${fields.generation}`
        : `asked to restart again: the restart to generation ${fields.generation} serves for both`,
      fields,
    ),
  'restart:ready': ({ pid, generation }) =>
    quiet('info', `generation ${generation} is ready`, { successor: pid, generation }),
  'restart:handing-over': ({ pid, generation }) =>
    quiet('info', `handing over to generation ${generation}`, { successor: pid, generation }),
  'restart:complete': ({ pid, ...fields }) =>
    loud('info', handedOver({ pid, ...fields }), { successor: pid, ...fields }),
  'connection:stayed': ({ connection }) =>
    quiet('debug', `a ${connection.kind} stays: ${connection.reason}`, connection),
  'restart:failed': ({ error }) =>
    loud('error', `restart failed: ${error.code}: ${error.message}`, { err: error }),
  'keeper:ready': ({ pid }) =>
    loud('info', `pid ${pid} is the keeper from now on: signals to it reach the process that serves`, {
      keeper: pid,
    }),
  'keeper:died': ({ pid, action }) =>
    loud(
      'warn',
      action === 'serve'
        ? `the keeper (pid ${pid}) has died: this process serves on without it, under its own pid, to which signals go from now on`
        : `the keeper (pid ${pid}) has died: this process drains and exits`,
      { keeper: pid, action },
    ),
  'predecessor:died': ({ pid, ready }) =>
    loud(
      'warn',
      `the predecessor (pid ${pid}) has died; this process serves in its place${ready ? '' : ' as soon as it is ready'}`,
      { predecessor: pid, ready },
    ),
  'predecessor:ended': ({ pid, ...fields }) =>
    quiet('info', 'the predecessor has ended', { predecessor: pid, ...fields }),
  exit: (fields) => quiet('debug', `exit ${fields.code}`, fields),
  warning: ({ error }) => loud('warn', `${error.code}: ${error.message}`, { err: error }),
}

function handedOver({ pid, generation, ...how }: LifecycleEvents['restart:complete'][0]): string {
  const { milliseconds, migrated, websockets, streams, declined, cut } = how
  const live = [
    websockets > 0 ? `${websockets} WebSockets` : '',
    streams > 0 ? `${streams} event streams` : '',
  ].filter((part) => part !== '')
  const among = live.length === 0 ? '' : ` (${live.join(' and ')} among them)`
  const refused = declined === 0 ? '' : `${declined} declined by it and drained here, `
  return (
    `handed over to generation ${generation} (pid ${pid}) in ${Math.round(milliseconds)} ms: ` +
    `${migrated} ${migrated === 1 ? 'connection' : 'connections'} moved${among}, ${refused}${cut} cut`
  )
}

export function lineOf<Name extends keyof LifecycleEvents>(
  name: Name,
  payload: LifecycleEvents[Name][0],
): LogLine | undefined {
  return lines[name]?.(payload)
}

function cutBy({ by }: CutConnection, forced: boolean): string {
  if (by === 'application') return 'before the deadline by the application'
  return forced ? 'by a signal' : 'at the deadline'
}

function quiet(level: Level, text: string, fields: object): LogLine {
  return { level, text, fields, loud: false }
}

function loud(level: Level, text: string, fields: object): LogLine {
  return { level, text, fields, loud: true }
}
