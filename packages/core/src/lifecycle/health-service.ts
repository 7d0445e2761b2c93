import type { Server } from 'node:net'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { HealthPort } from '../health/health-port.ts'
import type { HealthOptions } from '../health/options.ts'
import { type ProbeRequest, type Condition, type HealthAnswer, Probes } from '../health/probes.ts'
import { requestedAddress } from '../listeners/address.ts'
import type { System } from '../system/system.ts'
import type { Reporter } from '../events/reporter.ts'

/** Answers health probes, on the application's servers or on a separate port. */
export class HealthService {
  readonly #system: System
  readonly #reporter: Reporter
  #probes: Probes | undefined
  #port: HealthPort | undefined
  #address: string | undefined
  #opening: Promise<void> | undefined

  constructor(system: System, reporter: Reporter) {
    this.#system = system
    this.#reporter = reporter
  }

  /**
   * Sets the options; the first call with options wins.
   * @param condition returns the state from which answers are made
   */
  configure(asked: boolean | HealthOptions, condition: () => Condition): void {
    if (asked === false || this.#probes !== undefined) return
    const options = asked === true ? {} : asked
    this.#probes = new Probes(this.#system, options, condition, ({ name, error }) =>
      this.#reporter.tell('health:check', { check: name, passes: error === undefined, error }),
    )
    const { host, port } = options
    if (port === undefined) return
    this.#address = requestedAddress({ port, ...(host !== undefined && { host }) })
    const probes = this.#probes
    this.#port = new HealthPort({ port, host }, (request) => probes.answer(request))
  }

  /** The address of the separate port; undefined if there is none that could be inherited. */
  get address(): string | undefined {
    return this.#address
  }

  /** The paths that the application's servers answer; none if there is a separate port. */
  get paths(): readonly string[] {
    return this.#port === undefined ? (this.#probes?.paths ?? []) : []
  }

  /** Whether a request to one of the application's servers is a health probe. */
  isFor(request: ProbeRequest): boolean {
    return this.#port === undefined && this.#probes?.isFor(request) === true
  }

  /** The answer to such a request; undefined for any other. */
  answer(request: ProbeRequest, condition?: () => Condition): Promise<HealthAnswer> | undefined {
    return this.#port === undefined ? this.#probes?.answer(request, condition) : undefined
  }

  /** Whether a separate port still has to be opened. */
  get isClosed(): boolean {
    return this.#port !== undefined && this.#opening === undefined
  }

  owns(server: Server): boolean {
    return this.#port?.server === server
  }

  /** Opens the separate port, if there is one. Resolves when it listens or has failed to. Never rejects. */
  open(): Promise<void> {
    const port = this.#port
    if (port === undefined) return Promise.resolve()
    this.#opening ??= new Promise<void>((resolve) => {
      port.open(resolve, (cause) => {
        const text = `The health port ${this.#address} could not be opened, and nobody is told how this process is: ${cause.message}`
        this.#reporter.warn(new ZerodropError('ERR_ZERODROP_HEALTH_PORT', text, { cause }))
        resolve()
      })
    })
    return this.#opening
  }

  close(): void {
    this.#port?.close()
  }
}
