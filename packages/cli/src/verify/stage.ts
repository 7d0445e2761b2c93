import type { ClientHttp2Session } from 'node:http2'
import type { WebSocket } from 'ws'
import { openSession } from './clients/h2.ts'
import { openWebSocket } from './clients/web-socket.ts'
import { Ledger } from './ledger.ts'
import { isLoss, outcomeOf, outcomeOfError } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { clientOptions } from './server/address.ts'
import { pendingSignals } from './server/proc.ts'
import { bitOf, SignalWatch } from './server/signal-watch.ts'
import { thaw } from './server/thaw.ts'
import { serverEnd, waitingConnections } from './server/sockets.ts'
import type { Running } from './server/running.ts'
import type { Findings, Routes, Settings } from './settings.ts'
import { RawClient, startDelayProxy } from './traffic.ts'
import type { DelayProxy, RawResponse, RequestOptions } from './traffic.ts'
import { until } from './until.ts'

export interface StageOptions {
  readonly settings: Settings
  readonly findings: Findings
  readonly server: Running
  /** Triggers the event. Resolves when the signal has been sent or the command has started. */
  readonly trigger: () => Promise<void>
  /** Aborts when a restart is over, and when a restart or a stop exceeds the limit. */
  readonly over: AbortSignal
}

/** In milliseconds. The kernel queues connections at once until the backlog is full; a client's next SYN takes a second. */
const BACKLOG_FULL = 500
/**
 * How long a paused server waits for the signal of `--restart-command`, in milliseconds. The command itself may wait for the
 * paused server, as `pm2 reload` waits for pm2's daemon.
 */
const PAUSED = 2000

/** What a situation works with: one server, its clients, and the event. */
export class Stage {
  readonly settings: Settings
  readonly findings: Findings
  readonly server: Running
  readonly over: AbortSignal
  readonly ledger: Ledger = new Ledger()
  /** How many of the keep-alive clients are still on their first connection at the end. */
  kept: { clients: number; kept: number } | undefined
  /** What the run does not show, if that is less than the situation says. */
  remark: string | undefined
  readonly #trigger: () => Promise<void>
  readonly #closing: (() => unknown)[] = []
  #proxy: Promise<DelayProxy> | undefined
  #frozen = false

  constructor({ settings, findings, server, trigger, over }: StageOptions) {
    this.settings = settings
    this.findings = findings
    this.server = server
    this.over = over
    this.#trigger = trigger
  }

  get isRestart(): boolean {
    return this.settings.event.kind !== 'stop'
  }

  route(name: keyof Routes): string {
    return this.settings.routes[name] as string
  }

  /** Opens a connection without simulated latency. @throws ConnectionRefused */
  async connect(timeout?: number): Promise<RawClient> {
    const options = clientOptions(this.findings.address)
    const client = await RawClient.connect({ ...options, ...(timeout !== undefined && { timeout }) })
    this.#closing.push(() => client.destroy())
    return client
  }

  /** Opens a connection with the simulated round-trip time. */
  async connectFar(): Promise<RawClient> {
    const { address } = this.findings
    this.#proxy ??= startDelayProxy({
      targetHost: address.host,
      targetPort: address.port,
      roundTrip: this.settings.roundTrip,
    })
    const { port } = await this.#proxy
    const client = await RawClient.connect({ ...clientOptions(address), host: '127.0.0.1', port })
    this.#closing.push(() => client.destroy())
    return client
  }

  async connectHttp2(): Promise<ClientHttp2Session> {
    const session = await openSession(this.findings.address)
    this.#closing.push(() => session.destroy())
    return session
  }

  async connectWebSocket(): Promise<WebSocket> {
    const socket = await openWebSocket(this.findings.address, this.route('ws'))
    this.#closing.push(() => socket.terminate())
    return socket
  }

  /** Makes one request and records its outcome. */
  async ask(
    client: RawClient,
    name: string,
    route: keyof Routes,
    request: RequestOptions = {},
  ): Promise<Outcome> {
    const path = this.route(route)
    const note = this.ledger.open(name, `${request.method ?? 'GET'} ${path}`)
    return this.watch(note, route, () => client.request({ path, timeout: this.settings.limit, ...request }))
  }

  /** Records the outcome of a request in flight. */
  async watch(
    note: (outcome: Outcome, detail?: string) => void,
    route: keyof Routes,
    response: () => Promise<RawResponse>,
  ): Promise<Outcome> {
    try {
      const { status } = await response()
      const outcome = outcomeOf(status, this.findings.statuses[route] ?? 200)
      note(outcome, outcome === 'answered' ? undefined : `status ${status}`)
      return outcome
    } catch (error) {
      const outcome = this.#inContext(outcomeOfError(error))
      note(outcome, isLoss(outcome) ? (error as Error).message : undefined)
      return outcome
    }
  }

  /** Records a failed connection attempt. */
  refuse(name: string, error: unknown): void {
    const outcome = this.#inContext(outcomeOfError(error))
    this.ledger.open(name, 'connect')(outcome, (error as Error).message)
  }

  /** During a restart, some process has to accept connections at all times. */
  #inContext(outcome: Outcome): Outcome {
    return outcome === 'refused' && this.isRestart ? 'down' : outcome
  }

  /** Resolves when the server has accepted the connection and read every byte of it. */
  async taken(client: Pick<RawClient, 'localPort'> & { socket: { writableLength: number } }): Promise<void> {
    const { port } = this.findings.address
    const isTaken = async (): Promise<true | undefined> => {
      const end = client.socket.writableLength === 0 ? await serverEnd(port, client.localPort) : undefined
      return (end !== undefined && end.inode !== 0 && end.unread === 0) || undefined
    }
    await until(isTaken, performance.now() + this.settings.limit)
  }

  /** Resolves when bytes of the client are in the server's kernel. For a paused server, which does not read them. */
  async arrived({ localPort }: Pick<RawClient, 'localPort'>): Promise<void> {
    const { port } = this.findings.address
    const isThere = async (): Promise<true | undefined> =>
      ((await serverEnd(port, localPort))?.unread ?? 0) > 0 || undefined
    await until(isThere, performance.now() + this.settings.limit)
  }

  /** Makes one request on a new connection and records its outcome. */
  async connectAndAsk(name: string): Promise<void> {
    try {
      const client = await this.connect(this.settings.limit)
      await this.ask(client, name, 'get')
      client.destroy()
    } catch (error) {
      this.refuse(name, error)
    }
  }

  /** Resolves when `count` connections wait in the backlog, or when the number stops growing: the backlog may be shorter. */
  async queued(count: number): Promise<void> {
    let before = 0
    let since = performance.now()
    await until(async () => {
      const waiting = await waitingConnections(this.findings.address.port)
      if (waiting > before) since = performance.now()
      before = waiting
      return waiting >= count || performance.now() - since > BACKLOG_FULL || undefined
    }, since + this.settings.limit)
  }

  /** Pauses the server until the event, so that data sent meanwhile waits in the kernel when the signal arrives. */
  async freeze(): Promise<void> {
    await this.server.freeze()
    this.#frozen = true
  }

  /** Tells the server to stop or restart, and resumes it if it was paused. */
  async event(): Promise<void> {
    this.ledger.mark()
    const watch = this.#frozen ? new SignalWatch(this.server.members()) : undefined
    await this.#trigger()
    if (watch !== undefined) {
      if (this.settings.event.kind === 'restart-command') await this.#signalled(watch)
      await thaw(this.server, watch.signalled)
    }
    this.#frozen = false
  }

  /** Resolves when the command of `--restart-command` has signalled the paused server, or has not done so in time. */
  async #signalled(watch: SignalWatch): Promise<void> {
    const isSignalled = (): true | undefined => watch.isSignalled() || this.over.aborted || undefined
    if ((await until(isSignalled, performance.now() + PAUSED)) === undefined)
      this.remark = `the command of --restart-command sent the paused server no signal within ${PAUSED} ms, so the server continued before the deploy reached it`
  }

  /** Resolves when the kernel has delivered the signal. A second signal sent before that would merge with the first. */
  async delivered(): Promise<void> {
    const { event } = this.settings
    // A command sends its signal at a time of its own.
    if (event.kind === 'restart-command') return
    const bit = bitOf(event.signal)
    const isDelivered = (): true | undefined =>
      this.server.members().every(({ pid }) => (pendingSignals(pid) & bit) === 0n) || undefined
    await until(isDelivered, performance.now() + this.settings.limit, 1)
  }

  /** Resolves when the event is over. */
  async untilOver(): Promise<void> {
    if (this.over.aborted) return
    await new Promise<void>((resolve) => this.over.addEventListener('abort', () => resolve(), { once: true }))
  }

  /** Resolves when the server has closed the connection, or with `kept` when the event is over. */
  async untilEnded(client: RawClient): Promise<'fin' | 'reset' | 'local' | 'kept'> {
    return Promise.race([client.ended, this.untilOver().then(() => 'kept' as const)])
  }

  /** Closes every client. */
  async clear(): Promise<void> {
    if (this.#frozen) this.server.thaw()
    for (const close of this.#closing.splice(0)) close()
    await (await this.#proxy)?.close()
  }
}
