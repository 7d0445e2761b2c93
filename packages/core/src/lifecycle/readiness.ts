import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { InheritedWait } from '../handover/inherited-wait.ts'
import { isWanted, type SelfCheck } from '../handover/self-check.ts'
import type { Condition } from '../health/probes.ts'
import { isCheck } from '../health/self-socket.ts'
import type { Release } from '../system/system.ts'
import type { Context } from './context.ts'
import type { HealthService } from './health-service.ts'
import type { Succession } from './succession.ts'

export interface ReadinessParts {
  readonly generation: number
  /** How many milliseconds the predecessor waits for this process; Infinity without one. */
  readonly readyTimeout: number
  readonly health: HealthService
  readonly selfCheck: SelfCheck
  readonly succession: Succession
}

/**
 * Decides when this process is ready, and announces it: it listens on every inherited address, or the
 * application has called `ready()`; then `readyCheck` and `warmUp` have completed, if they are set.
 */
export class Readiness {
  readonly #context: Context
  readonly #parts: ReadinessParts
  readonly #wait: InheritedWait
  /** Whether the application has called `ready()`. */
  #declared = false
  /** Whether all but the self-check has happened. */
  #checking = false
  /** Whether the self-check has passed, or none was wanted. It happens once. */
  #passed = false
  #stopWaiting: Release | undefined

  constructor(context: Context, parts: ReadinessParts) {
    this.#context = context
    this.#parts = parts
    this.#wait = new InheritedWait(context.system, parts.readyTimeout, () => this.#begin())
  }

  /** Whether this process is ready at this moment. */
  get isReady(): boolean {
    const { settings, state } = this.#context
    const serves = state.current === 'serving' || state.current === 'restarting'
    return serves && (this.#passed || !isWanted(settings)) && this.isDeclared
  }

  /** Whether the application has called `ready()`, or need not. */
  get isDeclared(): boolean {
    return !this.#context.settings.manualReady || this.#declared
  }

  /**
   * The state from which this process answers a health probe: while it hands over, its successor serves at
   * the same address.
   */
  condition(): Condition {
    const { current: state } = this.#context.state
    return { live: true, ready: this.isReady || state === 'handing-over', state }
  }

  /**
   * The state from which to answer the process's own `readyCheck` on `/readyz`: it leaves out the check
   * itself, which would otherwise wait for its own result. Undefined for any other request.
   */
  conditionFor({ socket }: Pick<IncomingMessage, 'socket'>): (() => Condition) | undefined {
    return this.#checking && isCheck(socket) ? () => ({ ...this.condition(), ready: true }) : undefined
  }

  /** The application has called `ready()`. */
  declare(): void {
    this.#declared = true
    const { settings, state } = this.#context
    // A process that does not listen serves no client, even after `ready()`.
    if (settings.manualReady && state.current !== 'starting') this.#wait.onListening(0)
  }

  /** Another socket of this process is open to clients. */
  onListening(): void {
    this.#wait.onListening(this.#missing())
  }

  /** Nothing listens anymore, or the process stops. */
  reset(): void {
    this.#wait.reset()
    this.#checking = false
    this.stopChecking()
  }

  /** Goes on with a self-check that is due. */
  check(): void {
    if (!this.#checking) return
    const { predecessor, settings, system, workers } = this.#context
    // A cluster's primary does not answer: its workers do, and each of them checks itself.
    if (!isWanted(settings) || (workers.size > 0 && firstHttpServer(this.#context) === undefined))
      return this.#pass()
    const { readyTimeout } = settings
    if (predecessor === undefined)
      this.#stopWaiting ??= system.setTimeout(
        () => this.#context.reporter.warn(this.#notReady(readyTimeout)),
        readyTimeout,
      )
    this.#parts.selfCheck.start(settings, () => this.#pass())
  }

  stopChecking(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = undefined
    this.#parts.selfCheck.stop()
  }

  #begin(): void {
    if (this.#passed || this.#checking) return
    this.#checking = true
    this.check()
  }

  #pass(): void {
    if (this.#passed) return
    this.#passed = true
    this.#checking = false
    this.stopChecking()
    const { generation, health, succession } = this.#parts
    const { reporter, system } = this.#context
    const tell = (): void => {
      reporter.tell('ready', { generation })
      succession.becomeReady()
      system.supervisor?.ready()
    }
    // The predecessor closes its health port as soon as it learns that this process is ready.
    if (health.isClosed) void health.open().then(tell)
    else tell()
  }

  /** On how many inherited sockets nothing listens yet, without the health port, which opens last. */
  #missing(): number {
    const { left } = this.#context.listeners.inherited
    return left.filter(({ requested }) => requested !== this.#parts.health.address).length
  }

  #notReady(readyTimeout: number): ZerodropError {
    const reason = this.#parts.selfCheck.reason ?? 'it has not asked itself yet'
    return new ZerodropError(
      'ERR_ZERODROP_READY_TIMEOUT',
      `This process was not ready within ${readyTimeout} ms: ${reason}. It serves, says that it is not ready, and goes on asking.`,
    )
  }
}

/** The first of the application's servers that speaks HTTP. */
export function firstHttpServer({ servers }: Pick<Context, 'servers'>): Server | undefined {
  return servers.drainable.find(
    ({ connections, server }) => server.listening && (connections.http !== undefined || connections.http2),
  )?.server
}
