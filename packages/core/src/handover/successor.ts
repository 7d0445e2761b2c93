import type { ChildProcess } from 'node:child_process'
import { type ErrorCode, ZerodropError } from '../errors/zerodrop-error.ts'
import type { Address } from '../listeners/address.ts'
import { type Inheritance, writeInheritance } from '../listeners/inheritance.ts'
import type { Release, System } from '../system/system.ts'
import { HandleChannel } from './handle-channel.ts'
import { asMessage, type Message, message, type TicketKeys } from './protocol.ts'
import { Tail } from './tail.ts'

/** A listening handle that is only held: Node closes what it wraps. */
interface Spare {
  readonly fd: number
  close(): void
}

/** The predecessor's view of the process that is to replace it. */
export class Successor {
  readonly generation: number
  readonly pid: number
  readonly #child: ChildProcess
  readonly #channel: HandleChannel

  readonly #spares: Map<Address, Spare>
  #stopping = false
  #dismissed = false

  constructor(child: ChildProcess & { pid: number }, generation: number, spares: Map<Address, Spare>) {
    this.#child = child
    this.#channel = new HandleChannel(child)
    this.#spares = spares
    this.pid = child.pid
    this.generation = generation
    this.onMessage(({ type }) => {
      if (type !== 'stopping') return
      this.#stopping = true
      // Held open here, a socket that nobody accepts on would let its clients wait.
      this.dropSpares()
    })
  }

  /** How many connections can be on their way to it together. */
  get handlesAtOnce(): number {
    return this.#channel.atOnce
  }

  /** False once nothing can be sent to it any more. */
  get connected(): boolean {
    return this.#child.connected
  }

  /** The descriptor by which this process can listen on an address again. It is used up by that. */
  takeSpare(listener: Address): number | undefined {
    const spare = this.#spares.get(listener)
    this.#spares.delete(listener)
    return spare?.fd
  }

  dropSpares(): void {
    for (const spare of this.#spares.values()) spare.close()
    this.#spares.clear()
  }

  /** Calls back when the successor has died without having been told to stop, and all that it had sent has arrived. */
  onDeath(listener: () => void): void {
    const check = (): void => {
      const { exitCode, signalCode, connected } = this.#child
      if (!connected && (exitCode !== null || signalCode !== null) && !this.#stopping) listener()
    }
    this.#child.once('exit', check)
    this.#child.once('disconnect', check)
    if (!this.#child.connected) check()
  }

  /** Sends a message, with a native handle where a descriptor goes along. Rejects if the channel is gone. */
  send(body: Message, handle?: unknown): Promise<void> {
    return this.#channel.send(body, handle)
  }

  /** Tells it how the drain of this process went. It may be gone by then, and nobody waits for this. */
  sayEnded(how: Omit<Message & { type: 'ended' }, 'zerodrop' | 'type'>): void {
    this.send(message({ type: 'ended', ...how })).catch(() => {})
  }

  onMessage(listener: (body: Message) => void): Release {
    const handler = (value: unknown): void => {
      const body = asMessage(value)
      if (body !== undefined) listener(body)
    }
    this.#child.on('message', handler)
    return () => this.#child.off('message', handler)
  }

  /** Calls back when the channel is closed: by then everything that the successor had said has arrived. */
  onGone(listener: () => void): Release {
    this.#child.once('disconnect', listener)
    if (!this.#child.connected) listener()
    return () => this.#child.off('disconnect', listener)
  }

  /** It is not to take over: tells it to stop as a supervisor would, since it may be serving requests. */
  dismiss(): void {
    // A second signal would cut what it is finishing.
    if (this.#dismissed) return
    this.#dismissed = true
    this.dropSpares()
    this.#child.kill('SIGTERM')
  }
}

export interface SuccessorOptions {
  /** Milliseconds from its start until it must have said that it is ready. Infinity waits for ever. */
  readonly readyTimeout: number
  /** Ends the wait: the successor is killed. */
  readonly abort: AbortSignal
  /** What it is started with, to which only `ZERODROP_INHERIT` is added. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
  /** What the successor is told when it asks, which it does if the inheritance says that there are any. */
  readonly ticketKeys: () => readonly TicketKeys[]
}

/** How long after its end what a successor had said may take to arrive. */
const lastWordsPatience = 1000

/**
 * Starts a copy of this process that inherits the listening sockets, and resolves when it is ready to serve.
 *
 * Rejects with `ERR_ZERODROP_SPAWN_FAILED`, `ERR_ZERODROP_SUCCESSOR_EXITED`, `ERR_ZERODROP_READY_TIMEOUT` or
 * `ERR_ZERODROP_RESTART_ABORTED`; no successor is left behind then. Whatever happens, this process is not changed by it.
 */
export async function startSuccessor(
  system: System,
  inheritance: Inheritance,
  { readyTimeout, abort, environment, ticketKeys }: SuccessorOptions,
): Promise<Successor> {
  const child = spawn(system, inheritance, environment)
  const { generation } = inheritance
  const who = `The successor (generation ${generation}${child.pid === undefined ? '' : `, pid ${child.pid}`})`
  const releases: Release[] = []
  const spares = new Map<Address, Spare>()
  const tail = new Tail()
  let over = false
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (code: ErrorCode, text: string, cause?: unknown): void => {
        const { text: stderr } = tail
        reject(new ZerodropError(code, `${who} ${text} This process goes on serving.`, { cause, stderr }))
      }
      releases.push(
        system.setTimeout(() => {
          fail(
            'ERR_ZERODROP_READY_TIMEOUT',
            `was not ready within ${readyTimeout} ms and was killed. Raise "readyTimeout" if it needs longer.`,
          )
        }, readyTimeout),
      )
      child.on('error', (error) => fail('ERR_ZERODROP_SPAWN_FAILED', couldNotStart(system, error), error))
      child.on('exit', (code, signal) => {
        if (over) return
        const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
        const exited = (): void =>
          fail('ERR_ZERODROP_SUCCESSOR_EXITED', `${how} before it was ready; what it printed above says why.`)
        // The end of the channel comes behind all that was said on it.
        if (!child.connected) exited()
        child.once('disconnect', exited)
        releases.push(system.setTimeout(exited, lastWordsPatience))
      })
      child.on('message', (value, handle) => {
        const body = asMessage(value)
        if (body?.type === 'stderr') tail.add(body.text)
        if (body?.type === 'spare' && handle !== undefined)
          spares.set(body.listener, handle as unknown as Spare)
        // A successor that has died meanwhile is noticed by its exit.
        if (body?.type === 'started')
          child.send(message({ type: 'ticket-keys', servers: ticketKeys() }), undefined, {}, () => {})
        if (body?.type === 'ready') resolve()
      })
      const onAbort = (): void =>
        fail('ERR_ZERODROP_RESTART_ABORTED', 'was killed before it was ready: a shutdown came first.')
      abort.addEventListener('abort', onAbort)
      releases.push(() => abort.removeEventListener('abort', onAbort))
      if (abort.aborted) onAbort()
    })
    return new Successor(child as ChildProcess & { pid: number }, generation, spares)
  } catch (error) {
    for (const spare of spares.values()) spare.close()
    child.kill('SIGKILL')
    throw error
  } finally {
    over = true
    for (const release of releases) release()
  }
}

function spawn(
  system: System,
  inheritance: Inheritance,
  environment: Readonly<NodeJS.ProcessEnv>,
): ChildProcess {
  // Descriptors of the child follow from 3 on in the order they are given.
  const listeners = inheritance.listeners.map((listener, index) => ({ ...listener, fd: 3 + index }))
  try {
    return system.spawn(
      inheritance.listeners.map(({ fd }) => fd),
      { ...environment, ZERODROP_INHERIT: writeInheritance({ ...inheritance, listeners }) },
    )
  } catch (error) {
    throw new ZerodropError(
      'ERR_ZERODROP_SPAWN_FAILED',
      `The successor ${couldNotStart(system, error as Error)} This process goes on serving.`,
      { cause: error },
    )
  }
}

/** Node's own words name the program even where it is the directory that is gone. */
function couldNotStart({ commandLine }: System, { message }: Error): string {
  return (
    `could not be started: ${message}. ` +
    `Check that ${commandLine.command()} and the directory ${commandLine.cwd} exist and may be used.`
  )
}
