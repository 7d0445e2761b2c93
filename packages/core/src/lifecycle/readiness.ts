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
  /** Milliseconds that the predecessor gives this process; Infinity without one. */
  readonly readyTimeout: number
  readonly health: HealthService
  readonly selfCheck: SelfCheck
  readonly succession: Succession
}

/**
 * Decides when this process is ready, and tells everybody: it listens on all it inherited, or the application has said so,
 * and after that it has answered itself where `readyCheck` or `warmUp` ask for it.
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

  /** Whether the application has nothing left to say: it has called `ready()`, or need not. */
  get isDeclared(): boolean {
    return !this.#context.settings.manualReady || this.#declared
  }

  /** What this process answers a health probe from: while it hands over, its successor serves at the same address. */
  condition(): Condition {
    const { current: state } = this.#context.state
    return { live: true, ready: this.isReady || state === 'handing-over', state }
  }

  /**
   * What one request is to be answered from instead: the process's own `readyCheck` on `/readyz` is told whether all else
   * is well, or it would wait for itself. Undefined for any other request.
   */
  conditionFor({ socket }: IncomingMessage): (() => Condition) | undefined {
    return this.#checking && isCheck(socket) ? () => ({ ...this.condition(), ready: true }) : undefined
  }

  /** The application says that this process can serve. */
  declare(): void {
    this.#declared = true
    const { settings, state } = this.#context
    // A process that does not listen serves nobody, whatever it says.
    if (settings.manualReady && state.current !== 'starting') this.#wait.onListening(0)
  }

  /** One more socket of this process is open to its clients. */
  onListening(): void {
    this.#wait.onListening(this.#missing())
  }

  /** Nothing listens any more, or the process stops. */
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
    // The predecessor closes its own health port as soon as it hears that this process is ready.
    if (health.isClosed) void health.open().then(tell)
    else tell()
  }

  /** How many inherited sockets the application has not asked for: that of the health port is taken at the end. */
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
