import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import { type DrainingPolicy, Refusal, refused } from '../drain/refusal.ts'
import type { Logger } from '../events/logger.ts'
import { isWanted } from '../handover/self-check.ts'
import type { HealthAnswer } from '../health/probes.ts'
import { checkOptions, checkPlain, checkPolicy, type LifecycleOptions } from '../options/options.ts'
import { shadow } from '../system/shadow.ts'
import { answerHealth } from './answer-health.ts'
import type { Lifecycle } from './lifecycle.ts'
import { shadowDuringSelfRequests } from './self-request-shadow.ts'
import type { Parts } from './wiring.ts'

/** The members of the lifecycle that only framework adapters need. */
export class Adapter {
  readonly #parts: Parts
  readonly #lifecycle: Lifecycle

  /** @param lifecycle of the same parts */
  constructor(parts: Parts, lifecycle: Lifecycle) {
    this.#parts = parts
    this.#lifecycle = lifecycle
  }

  /**
   * Calls `lifecycle.configure()` with the options of an adapter, which include `onDrainingRequest`. From now on,
   * the adapter has to answer health probes.
   * @param frameworkLog the framework's logger, used unless the option `logger` names another
   * @returns the policy for requests that arrive during a drain
   * @throws what `lifecycle.configure()` throws
   */
  adapt<Request>(
    options: LifecycleOptions & { onDrainingRequest?: DrainingPolicy<Request> },
    frameworkLog?: Logger,
  ): DrainingPolicy<Request> {
    checkPlain(options)
    const { onDrainingRequest = 'serve', ...processWide } = options
    checkOptions(processWide, ['onDrainingRequest'])
    this.#parts.probed.leaveToAdapter()
    this.#lifecycle.configure(processWide)
    if (frameworkLog !== undefined) this.#parts.context.reporter.logToFramework(frameworkLog)
    checkPolicy(onDrainingRequest)
    return onDrainingRequest
  }

  /**
   * Decides on a request that has reached an adapter.
   * @returns undefined to serve it; otherwise the error to pass to the framework's error handling
   */
  admit<Request>(
    request: IncomingMessage,
    policy: DrainingPolicy<Request>,
    frameworkRequest: Request,
  ): Refusal | undefined {
    const { context, health, verdicts } = this.#parts
    if (policy === 'serve' || !context.servers.isDraining(request) || health.isFor(request)) return undefined
    if (verdicts.of(policy, frameworkRequest) === 'serve') return undefined
    refused.add(request)
    return new Refusal()
  }

  /**
   * Begins to drain one server, and servers that answer for it on other addresses, while the process keeps
   * running. Resolves once no connection can bring a new request; at once if the server does not listen.
   * `server.close()` begins the same drain and calls back when the last connection has ended.
   */
  async settle(server: Server): Promise<void> {
    const { context, serving } = this.#parts
    await serving.close(server, context.servers.siblings(server))?.settled
  }

  /**
   * Replaces a method while a server's handlers are called for a request of the process to itself, as the
   * options `readyCheck` and `warmUp` ask for. Does nothing without these options, and once the process is
   * ready.
   * @param replace gets the original method, which it may call
   */
  shadowDuringSelfRequests<Target extends object, Key extends keyof Target>(
    server: Server,
    target: Target,
    key: Key,
    replace: (original: Target[Key]) => Target[Key] & ((this: never, ...args: never[]) => unknown),
  ): void {
    const { context, readiness } = this.#parts
    if (readiness.isReady || !isWanted(context.settings)) return
    const isOver = (): boolean => readiness.isReady
    shadowDuringSelfRequests(server, isOver, () => shadow(target, key, replace))
  }

  /** The paths of health probes; empty if the application's servers do not answer them. */
  get healthPaths(): readonly string[] {
    return this.#parts.health.paths
  }

  /**
   * The answer to a health probe; undefined for any other request, and if the option `health` does not make
   * the application's servers answer. For frameworks that send the response themselves;
   * `lifecycle.answerHealth()` sends it.
   */
  healthAnswer(request: IncomingMessage): Promise<HealthAnswer> | undefined {
    return answerHealth(this.#parts, request)
  }
}
