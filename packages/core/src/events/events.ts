import { channel, type Channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { show } from '../errors/reason.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { publish } from '../system/node-internals.ts'
import type { CutConnection, DrainResult, StayedConnection } from './drain-report.ts'

/** The events of the process, each with its payload. `lifecycleEvents` describes when zerodrop emits them. */
export interface LifecycleEvents {
  inherited: [{ generation: number; listeners: readonly string[] }]
  listening: [{ address: string; inherited: boolean }]
  ready: [{ generation: number }]
  'health:check': [{ check: string; passes: boolean; error: ZerodropError | undefined }]
  'drain:start': [{ reason: string }]
  'signal:merged': [{ signal: string; first: string; own: boolean }]
  'drain:forceable': [{ signal: string }]
  'drain:accept-stopped': [{ milliseconds: number }]
  'drain:settled': [{ milliseconds: number }]
  'drain:force': [{ milliseconds: number; forced: boolean; cut: number }]
  'connection:cut': [{ connection: CutConnection; forced: boolean }]
  'drain:complete': [{ milliseconds: number; cut: number; result: DrainResult }]
  'restart:start': [{ generation: number }]
  'restart:merged': [{ generation: number; follows: boolean }]
  'restart:ready': [{ pid: number; generation: number }]
  'restart:handing-over': [{ pid: number; generation: number }]
  'restart:complete': [
    {
      pid: number
      generation: number
      milliseconds: number
      migrated: number
      declined: number
      websockets: number
      streams: number
      cut: number
    },
  ]
  'connection:stayed': [{ connection: StayedConnection }]
  'restart:failed': [{ error: ZerodropError }]
  'keeper:ready': [{ pid: number }]
  'keeper:died': [{ pid: number; action: 'drain' | 'serve' }]
  'predecessor:died': [{ pid: number; ready: boolean }]
  'predecessor:ended': [{ pid: number; milliseconds: number; migrated: number; cut: number }]
  exit: [{ code: number }]
  warning: [{ error: ZerodropError }]
}

type Descriptions = {
  readonly [Name in keyof LifecycleEvents]: {
    readonly when: string
    readonly payload: { readonly [Field in keyof LifecycleEvents[Name][0]]: string }
  }
}

/**
 * Describes when each event is emitted and what its payload has. A test compares this with docs/events.md.
 */
export const lifecycleEvents: Descriptions = {
  inherited: {
    when: 'A restart started this process and gave it listening sockets. Once, at the first `configure()`.',
    payload: { generation: 'of this process', listeners: 'the addresses of the sockets' },
  },
  listening: {
    when: 'A server begins to listen. Each time, for each server.',
    payload: { address: 'where it listens', inherited: 'whether it inherited the socket' },
  },
  ready: {
    when: 'This process is ready for requests: it listens, with `manualReady` the app has called `lifecycle.ready()`, and it has passed its `readyCheck`. Once.',
    payload: { generation: 'of this process' },
  },
  'health:check': {
    when: 'A health check begins to fail, or passes again. Only when its result changes.',
    payload: {
      check: 'its name',
      passes: 'whether it passes now',
      error: 'why it fails; undefined if it passes',
    },
  },
  'drain:start': {
    when: 'The process begins to drain, without a successor. Once.',
    payload: {
      reason: "the signal, `'shutdown()'`, or `'dismissed'` in a successor that its predecessor rejected",
    },
  },
  'signal:merged': {
    when: 'A stop signal arrived within 500 ms of the first, or this process sent it to itself. It counts as the same request and cuts nothing. Once.',
    payload: {
      signal: 'the signal that does not count',
      first: 'the signal that began the stop',
      own: 'whether this process sent it to itself',
    },
  },
  'drain:forceable': {
    when: 'From now on, another stop signal counts as a second request and cuts what is left. 500 ms after the first signal, unless the process has ended by then. Once.',
    payload: { signal: 'the signal that began the stop' },
  },
  'drain:accept-stopped': {
    when: 'No server accepts new connections any more, and queued connections have been accepted. In a handover too.',
    payload: { milliseconds: 'since the drain began' },
  },
  'drain:settled': {
    when: 'No connection is left that could bring a new request. In a handover too.',
    payload: { milliseconds: 'since the drain began' },
  },
  'drain:force': {
    when: 'The deadline has passed, or a signal such as a second SIGTERM forces the end: what is left is cut. At most once in a drain.',
    payload: {
      milliseconds: 'since the drain began',
      forced: 'whether a signal forced it',
      cut: 'how many requests and connections are cut',
    },
  },
  'connection:cut': {
    when: 'A request or connection was cut: by the deadline or a signal, after `drain:force`; or at any time of a drain, by other code in this process that ended a response before it was complete. For each.',
    payload: {
      connection:
        "a `CutConnection`: what it was doing, and for whom. Its `by` is `'application'` if neither the deadline nor a signal ended it",
      forced: 'as in `drain:force`',
    },
  },
  'drain:complete': {
    when: 'Every connection has ended or was cut, and the `onShutdown` hooks have run, unless a signal skipped them. In a handover too. Once.',
    payload: {
      milliseconds: 'from the first step to the end of the last connection, without the hooks',
      cut: 'how much was cut',
      result: 'the report: a `DrainResult`',
    },
  },
  'restart:start': {
    when: 'A successor is being started.',
    payload: { generation: 'of the successor' },
  },
  'restart:merged': {
    when: 'A restart was requested during another one. For each request, in whichever process the signal arrived.',
    payload: {
      generation: 'of the successor of the current restart',
      follows: 'whether one more restart follows; if not, the current restart serves both requests',
    },
  },
  'restart:ready': {
    when:
      'The successor is ready. Its probation and the `onRestart` hooks come next. This process keeps serving, and so does ' +
      'the successor during probation.',
    payload: { pid: 'of the successor', generation: 'of the successor' },
  },
  'restart:handing-over': {
    when: 'The handover begins: this process stops accepting and moves its connections to the successor.',
    payload: { pid: 'of the successor', generation: 'of the successor' },
  },
  'restart:complete': {
    when: 'The successor serves, nothing is left in this process, and it is about to exit. Once.',
    payload: {
      pid: 'of the successor',
      generation: 'of the successor',
      milliseconds: 'since `restart:start`',
      migrated: 'how many connections the successor took over, of any kind',
      websockets: 'how many of them were WebSockets',
      streams: 'how many of them were event streams',
      declined: 'how many it declined, for example because of `maxConnections`; they were drained here',
      cut: 'how much was cut',
    },
  },
  'connection:stayed': {
    when: 'A WebSocket or an event stream that could have moved to the successor stays in this process and drains. For each.',
    payload: { connection: 'a `StayedConnection`: what it is, and why it stays' },
  },
  'restart:failed': {
    when: 'The successor failed, or none could be started. This process keeps serving, unless it is stopping.',
    payload: { error: 'the reason: a `ZerodropError`' },
  },
  'keeper:ready': {
    when: 'The predecessor has become the keeper of this process: it holds the pid that others rely on, and starts later successors. Once, in the second generation.',
    payload: { pid: 'of the keeper' },
  },
  'keeper:died': {
    when: 'The keeper of this serving process has died. Once for a keeper; again in a successor that was starting at that moment and takes over.',
    payload: {
      pid: 'of the keeper',
      action: "`'drain'` or `'serve'`: what this process does now, by the option `onKeeperDeath`",
    },
  },
  'predecessor:died': {
    when: 'The predecessor died before or during the handover. This process serves in its place. Once.',
    payload: {
      pid: 'of the predecessor',
      ready: 'whether this process is ready; if not, it serves as soon as it is',
    },
  },
  'predecessor:ended': {
    when: 'The predecessor has drained and exits. Once; not if it died.',
    payload: {
      pid: 'of the predecessor',
      milliseconds: 'how long its drain took',
      migrated: 'how many connections this process took over',
      cut: 'how much the predecessor cut',
    },
  },
  exit: {
    when: 'zerodrop is about to end the process. The last event, unless a restart signal that arrives now is passed on to the successor (`restart:merged`).',
    payload: { code: 'the exit status' },
  },
  warning: {
    when: 'Something failed that no caller waits for.',
    payload: { error: 'a `ZerodropError`' },
  },
}

/** The names on `node:diagnostics_channel` begin with this. */
const prefix = 'zerodrop:'

/**
 * The channel of each event, held for the life of the process. Node frees a channel without a subscriber that nothing
 * holds. Before Node 22.21 and 24.9, it may then forget the next channel of that name, together with its subscribers.
 * https://github.com/nodejs/node/pull/59910
 */
const channels = Object.fromEntries(
  Object.keys(lifecycleEvents).map((name) => [name, channel(`${prefix}${name}`)]),
) as Record<keyof LifecycleEvents, Channel>

/** The emitter that users listen to. Only zerodrop itself can emit the events of the lifecycle. */
export class Events extends EventEmitter<LifecycleEvents> {
  /**
   * Throws for the events of the lifecycle, which only zerodrop emits.
   * @throws `ERR_ZERODROP_EVENTS_READ_ONLY`
   */
  override emit<Name>(name: Name | keyof LifecycleEvents, ...args: unknown[]): boolean {
    if (Object.hasOwn(lifecycleEvents, name as PropertyKey)) throw readOnly(String(name))
    // Node's own: 'newListener' and 'removeListener'.
    return (super.emit as (...event: unknown[]) => boolean).call(this, name, ...args)
  }
}

/**
 * Emits an event: calls every listener, even if another one fails, and publishes the event on its channel.
 * So no listener can break a drain or a restart.
 * @param onError called with the error that a listener throws, or rejects with later
 */
export function emit<Name extends keyof LifecycleEvents>(
  events: Events,
  name: Name,
  payload: LifecycleEvents[Name][0],
  onError: (error: ZerodropError) => void = () => {},
): void {
  const fail = (what: string, cause: unknown): void => {
    const text = `A listener of the event "${name}" ${what}, and zerodrop went on without it: ${show(cause)}`
    onError(new ZerodropError('ERR_ZERODROP_LISTENER_FAILED', text, { cause }))
  }
  for (const cause of publish(channels[name], payload)) fail('threw', cause)
  for (const listener of (events as EventEmitter).rawListeners(name)) {
    try {
      const result: unknown = Reflect.apply(listener, events, [payload])
      if (isThenable(result)) result.then(undefined, (cause: unknown) => fail('rejected', cause))
    } catch (cause) {
      fail('threw', cause)
    }
  }
}

function readOnly(name: string): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_EVENTS_READ_ONLY',
    `Only zerodrop emits "${name}" on lifecycle.events: its listeners act on what has happened. Use an EventEmitter of your own for events of the application.`,
  )
}

/** Does not use `instanceof Promise`: there are other implementations, and promises of other realms. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return isObject && typeof (value as { then?: unknown }).then === 'function'
}
