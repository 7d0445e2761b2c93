import type { ChildProcess } from 'node:child_process'
import type { Address } from '../listeners/address.ts'
import type { Release, System } from '../system/system.ts'
import type { Takes } from './live/handover.ts'
import { HandleChannel } from './handle-channel.ts'
import { type Body, type Message, message, readMessage, versionOf } from './protocol.ts'
import { UnreadBytes } from './unread-bytes.ts'

/** A successor that has not even said by then that it stops is stuck. */
const stopPatience = 5000

/** What the hooks of a successor that stops may take beyond its drain. */
const hookPatience = 60_000

/** A listening handle that is only held: Node closes what it wraps. */
interface Spare {
  readonly fd: number
  close(): void
}

/** The predecessor's view of the process that is to replace it. */
export class Successor {
  readonly generation: number
  readonly pid: number
  /** Resolves when its process has ended. */
  readonly gone: Promise<void>
  readonly #child: ChildProcess
  readonly #channel: HandleChannel

  /** What it can take over in the middle of what it does: nothing, until it says so. */
  takes: Takes = { webSockets: [], streams: false }

  readonly #unread = new UnreadBytes()
  #catchingUp: Promise<void> | undefined
  readonly #spares = new Map<Address, Spare>()
  /** Whether it may have begun to work, for clients or in its hooks. */
  #working = false
  #stopping = false
  #heard = false
  #onStopping: () => void = () => {}
  #dismissed: Promise<void> | undefined

  constructor(child: ChildProcess & { pid: number }, generation: number) {
    this.#child = child
    this.#channel = new HandleChannel(child)
    this.pid = child.pid
    this.generation = generation
    this.gone = new Promise((resolve) => {
      child.once('exit', () => resolve())
    })
    // What cannot be sent to it, or a signal that does not reach it: its end decides.
    child.on('error', () => {})
    this.onMessage((body, handle) => {
      this.#heard = true
      if (body.type === 'ready' || body.type === 'accepts') this.#working = true
      else if (body.type === 'stopping') this.#stop()
      else if (body.type === 'takes') this.takes = body
      else if (body.type === 'spare' && handle !== undefined) this.#spares.set(body.listener, handle as Spare)
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

  /** Whether it has said that it stops, on its own account or because it was dismissed. */
  get stopping(): boolean {
    return this.#stopping
  }

  /** Whether it has said anything. */
  get heard(): boolean {
    return this.#heard
  }

  /** How reports call it. */
  get name(): string {
    return `The successor (generation ${this.generation}, pid ${this.pid})`
  }

  /** How its process ended, once it has. */
  get exit(): { code: number | null; signal: NodeJS.Signals | null } | undefined {
    const { exitCode: code, signalCode: signal } = this.#child
    return code === null && signal === null ? undefined : { code, signal }
  }

  /** The same in words. */
  get ending(): string {
    if (this.exit === undefined) return 'closed the channel to this process'
    const { code, signal } = this.exit
    return signal === null ? `exited with code ${code}` : `was ended by ${signal}`
  }

  /** Calls back when the successor has died without having been told to stop, and all that it had sent has arrived. */
  onDeath(listener: () => void): void {
    const check = (): void => {
      if (!this.connected && this.exit !== undefined && !this.#stopping) listener()
    }
    this.#child.once('exit', check)
    this.#child.once('disconnect', check)
    if (!this.connected) check()
  }

  /** Sends a message, with a native handle where a descriptor goes along. Rejects if the channel is gone. */
  async send(body: Message, handle?: unknown): Promise<void> {
    if (handle === undefined) {
      this.#unread.add(body)
      return this.#channel.send(body)
    }
    while (this.#unread.areTooMany && this.connected) await this.#catchUp()
    this.#unread.readUpTo(this.#unread.sent)
    await this.#channel.send(body, handle)
  }

  /** Resolves when the successor has read what was sent so far, or is gone. */
  #catchUp(): Promise<void> {
    this.#catchingUp ??= new Promise((resolve) => {
      const { sent } = this.#unread
      const onRead = (): void => {
        for (const release of releases) release()
        this.#unread.readUpTo(sent)
        this.#catchingUp = undefined
        resolve()
      }
      const releases = [
        this.onMessage(({ type }) => {
          if (type === 'caught-up') onRead()
        }),
      ]
      this.#channel.send(message({ type: 'catch-up' })).catch(onRead)
      releases.push(this.onGone(onRead))
    })
    return this.#catchingUp
  }

  /** Tells it how the drain of this process went. It may be gone by then, and nobody waits for this. */
  sayEnded(how: Omit<Body & { type: 'ended' }, 'type'>): void {
    this.send(message({ type: 'ended', ...how })).catch(() => {})
  }

  onMessage(listener: (body: Message, handle: unknown) => void): Release {
    const handler = (value: unknown, handle: unknown): void => {
      const body = readMessage(value)
      if (body !== undefined) listener(body, handle)
    }
    this.#child.on('message', handler)
    return () => this.#child.off('message', handler)
  }

  /** Calls back with what zerodrop said there and this process cannot read. See `unreadable`. */
  onUnreadable(listener: (value: unknown) => void): Release {
    const handler = (value: unknown): void => {
      if (versionOf(value) !== undefined && readMessage(value) === undefined) listener(value)
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

  /** Lets it accept beside this process, or instead of it. If that does not arrive it has died, which is seen elsewhere. */
  release(type: 'accept' | 'serve'): void {
    this.send(message({ type })).catch(() => {})
  }

  /**
   * It is not to take over. Before it is ready it has accepted nothing, and is killed. After that it may be at work, and
   * is asked to stop: it finishes what it has and ends by its own deadlines.
   *
   * Resolves when it is killed, or has said that it stops: then this process may end. Calling it again does nothing.
   */
  dismiss(system: System): Promise<void> {
    this.#dismissed ??= this.#dismiss(system)
    return this.#dismissed
  }

  async #dismiss(system: System): Promise<void> {
    this.dropSpares()
    if (this.#stopping || this.exit !== undefined) return
    const kill = (): void => void this.#child.kill('SIGKILL')
    if (!this.#working) return kill()
    const stopping = new Promise<void>((resolve) => {
      this.#onStopping = resolve
    })
    // One that is stuck must not stay behind without a predecessor.
    const releases = [
      system.setTimeout(kill, stopPatience),
      system.onExit((status) => {
        kill()
        return status
      }),
    ]
    // Not a signal: which one drains is its own matter, and a second one would cut.
    this.send(message({ type: 'stop' })).catch(() => {})
    await Promise.race([stopping, this.gone])
    for (const release of releases) release()
    // What it finishes does not keep this process alive.
    this.unref()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** From here on neither its process nor the channel to it keeps this process alive. */
  unref(): void {
    this.#child.unref()
    this.#child.channel?.unref()
  }

  /**
   * Resolves when a successor that was dismissed has ended. Kills it if that takes longer than its deadlines allow.
   *
   * @param drainTimeout milliseconds that its drain may take
   */
  async ended(system: System, drainTimeout: number): Promise<void> {
    const release = system.setTimeout(() => this.#child.kill('SIGKILL'), drainTimeout + hookPatience)
    await this.gone
    release()
  }

  #stop(): void {
    this.#stopping = true
    // Held open here, a socket that nobody accepts on would let its clients wait.
    this.dropSpares()
    this.#onStopping()
  }
}
