import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type ErrorCode, ZerodropError } from '../errors/zerodrop-error.ts'
import { type Inheritance, type InheritedListener, writeInheritance } from '../listeners/inheritance.ts'
import type { Activation } from '../system/activation.ts'
import { afterTurn } from '../system/after-turn.ts'
import type { Release, System } from '../system/system.ts'
import { abandoned, type Abandonment } from './abandoned.ts'
import { checkRoom, raiseLimit, reserve } from './descriptor-room.ts'
import type { TicketKeys } from './protocol.ts'
import { Successor } from './successor.ts'
import { Tail } from './tail.ts'

/** How long after its end a successor's messages may take to arrive, in milliseconds. */
const lastWordsTimeout = 1000

/**
 * Starts a copy of this process that inherits the listening sockets.
 *
 * Rejects with `ERR_ZERODROP_SPAWN_FAILED`. A failure does not change this process.
 *
 * @param environment the environment that the application sees
 * @param isKept whether this process becomes its keeper
 */
export async function spawnSuccessor(
  system: System,
  inheritance: Inheritance,
  environment: Readonly<NodeJS.ProcessEnv>,
  isKept = false,
): Promise<Successor> {
  checkRoom(system, inheritance.listeners.length)
  try {
    const spawned = spawn(system, inheritance, environment, isKept)
    // Without a keeper, this runs in the same tick, so no event of the child is missed.
    const child = spawned instanceof Promise ? await spawned : spawned
    if (child.pid === undefined) throw (await once(child, 'error'))[0]
    return new Successor(child as ChildProcess & { pid: number }, inheritance.generation)
  } catch (error) {
    throw new ZerodropError(
      'ERR_ZERODROP_SPAWN_FAILED',
      `The successor ${couldNotStart(system, error as NodeJS.ErrnoException)} This process goes on serving.`,
      { cause: error },
    )
  }
}

function spawn(
  system: System,
  inheritance: Inheritance,
  environment: Readonly<NodeJS.ProcessEnv>,
  isKept: boolean,
): ChildProcess | Promise<ChildProcess> {
  const { listeners: own, activated } = arranged(inheritance.listeners, system.activation)
  // Descriptors of the child follow from 3 on in the order they are given, and the channel behind them.
  const listeners = own.map((listener, index) => ({ ...listener, fd: first + index }))
  const channel = first + listeners.length
  const written = { ...inheritance, listeners, channel, ...(activated !== undefined && { activated }) }
  return system.spawn(own, { ...environment, ZERODROP_INHERIT: writeInheritance(written) }, isKept)
}

/** The descriptor behind stdin, stdout and stderr. */
const first = 3

/**
 * Sockets that a service manager has opened keep their descriptor numbers, which the application may rely
 * on. Unless this process listens on all of them, the successor does not get `LISTEN_FDS`.
 */
function arranged(
  listeners: readonly InheritedListener[],
  activation: Activation | undefined,
): { listeners: readonly InheritedListener[]; activated?: Activation } {
  if (activation === undefined) return { listeners }
  const end = first + activation.count
  const given = listeners.filter(({ fd }) => fd < end).toSorted((one, other) => one.fd - other.fd)
  const others = listeners.filter(({ fd }) => fd >= end)
  if (given.length < activation.count) return { listeners }
  return { listeners: [...given, ...others], activated: activation }
}

/** Node's message names the program even if the directory is missing. */
function couldNotStart({ commandLine }: System, { code, message }: NodeJS.ErrnoException): string {
  const reason = message.replace(/\.$/, '')
  // Node's permission model: neither the program nor the directory is missing.
  if (code === 'ERR_ACCESS_DENIED')
    return `could not be started: ${reason}. A restart starts a process: add --allow-child-process to the flags of this one.`
  // A keeper sends only the message.
  if (code === 'EMFILE' || reason.includes('EMFILE')) return `could not be started: ${reason}. ${raiseLimit}`
  return (
    `could not be started: ${reason}. ` +
    `Check that ${commandLine.command()} and the directory ${commandLine.cwd} exist and may be used.`
  )
}

export interface ReadyOptions {
  /** Milliseconds until it has to be ready. Infinity waits forever. */
  readonly readyTimeout: number
  /** When that time began, by the system's clock. */
  readonly begun: number
  /** Whether the application has to call `lifecycle.ready()`. */
  readonly manualReady: boolean
  /** Ends the wait. */
  readonly abort: AbortSignal
  /** Called when it can receive messages. */
  readonly ticketKeys: () => readonly TicketKeys[]
}

/**
 * Resolves when a successor that has just been started is ready to serve.
 *
 * Rejects with `ERR_ZERODROP_SUCCESSOR_EXITED`, `ERR_ZERODROP_READY_TIMEOUT`, `ERR_ZERODROP_PROTOCOL_MISMATCH`,
 * `ERR_ZERODROP_RESTART_ABORTED` or `ERR_ZERODROP_RESTART_SUPERSEDED`; the caller then has to dismiss the
 * successor.
 */
export async function waitUntilReady(
  system: System,
  successor: Successor,
  { readyTimeout, manualReady, begun, abort, ticketKeys }: ReadyOptions,
): Promise<void> {
  const who = successor.name
  const releases: Release[] = []
  const tail = new Tail()
  let notReady: string | undefined
  let over = false
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (code: ErrorCode, text: string): void =>
        reject(new ZerodropError(code, `${who} ${text}`, { stderr: tail.text }))
      const onTimeout = (): void =>
        fail(
          'ERR_ZERODROP_READY_TIMEOUT',
          `was not ready within ${readyTimeout} ms and was killed. Raise "readyTimeout" if it needs longer. ` +
            (notReady === undefined ? '' : `What it last found when it asked itself: ${notReady}. `) +
            (manualReady ? 'With "manualReady" the new version has to call lifecycle.ready(). ' : '') +
            'This process goes on serving.',
        )
      const onAbort = (): void => reject(abandoned(who, abort.reason as Abandonment, false))
      releases.push(
        // This process may have been blocked itself: the message `ready` may be waiting to be read.
        system.setTimeout(
          () => releases.push(afterTurn(system, onTimeout)),
          Math.max(0, begun + readyTimeout - system.now()),
        ),
        successor.on('stderr', ({ text }) => tail.add(text)),
        successor.on('not-ready', ({ reason }) => {
          notReady = reason
        }),
        successor.on('started', () => successor.sendTicketKeys(ticketKeys())),
        // Clients that have connected since the start may have taken the room of these.
        successor.on('spare', () => {
          const room = system.freeDescriptors(reserve)
          if (room !== undefined && room.free < reserve)
            fail(
              'ERR_ZERODROP_SPAWN_FAILED',
              `was given up: EMFILE. Of the ${room.limit} descriptors of this process, fewer than ${reserve} are free. ` +
                `${raiseLimit} This process goes on serving.`,
            )
        }),
        successor.on('ready', () => resolve()),
        successor.onForeign(reject),
      )
      void successor.gone.then(() => {
        if (over) return
        const exited = (): void =>
          fail(
            'ERR_ZERODROP_SUCCESSOR_EXITED',
            `${successor.ending} before it was ready; see what it printed. This process goes on serving.`,
          )
        // The channel ends after all messages on it.
        releases.push(successor.onGone(exited), system.setTimeout(exited, lastWordsTimeout))
      })
      abort.addEventListener('abort', onAbort)
      releases.push(() => abort.removeEventListener('abort', onAbort))
      if (abort.aborted) onAbort()
    })
  } finally {
    over = true
    for (const release of releases) release()
  }
}
