import type { IncomingMessage } from 'node:http'
import type { Connections } from '../connections/connections.ts'
import { Attempts } from '../errors/attempts.ts'
import type { System } from '../system/system.ts'
import type { Times } from './cut.ts'
import type { DrainingSignals } from './draining-signals.ts'
import { Http1Drain } from './http1-drain.ts'
import { Http1Requests } from './http1-requests.ts'
import { Http2Drain } from './http2-drain.ts'
import { Http2Requests } from './http2-requests.ts'
import { Linger } from './linger.ts'
import type { ServerDrainOptions } from './server-drain-options.ts'
import { Settling } from './settling.ts'
import { Tally } from './tally.ts'
import { UpgradedDrain } from './upgraded-drain.ts'

/** Knows when a drain and its requests began. */
export class Clock {
  readonly #system: System
  readonly #begun = new WeakMap<IncomingMessage, number>()
  #start = 0

  constructor(system: System) {
    this.#system = system
  }

  start(): void {
    this.#start = this.#system.now()
  }

  /** A request has arrived since the drain began. */
  begin(request: IncomingMessage): void {
    this.#begun.set(request, this.#system.now())
  }

  get times(): Times {
    return { now: this.#system.now(), began: (request) => this.#begun.get(request) ?? this.#start }
  }
}

/** The parts of one server's drain. */
export interface Parts {
  readonly system: System
  readonly connections: Connections
  readonly signals: DrainingSignals
  readonly options: ServerDrainOptions
  readonly attempts: Attempts
  readonly clock: Clock
  readonly tally: Tally
  readonly http1: Http1Drain
  readonly http2: Http2Drain
  readonly upgraded: UpgradedDrain
  readonly http1Requests: Http1Requests
  readonly http2Requests: Http2Requests
  readonly linger: Linger
  readonly settling: Settling
}

/** Builds the parts in the order in which they depend on each other. */
export function createParts(
  system: System,
  connections: Connections,
  signals: DrainingSignals,
  options: ServerDrainOptions,
): Parts {
  const attempts = options.attempts ?? new Attempts(() => {})
  const clock = new Clock(system)
  const times = (): Times => clock.times
  const tally = new Tally(options.onCut)
  const http1 = new Http1Drain(connections, system)
  const http2 = new Http2Drain(connections, system)
  const upgraded = new UpgradedDrain(
    connections,
    system,
    { code: options.closeCode, attempts },
    (each) => options.departures?.leaves(each) === true,
  )
  const http1Requests = new Http1Requests(connections, system, tally, times)
  const http2Requests = new Http2Requests(connections, tally, times)
  const linger = new Linger(connections, system, http1, attempts, options)
  const settling = new Settling(connections, system, http1, upgraded)
  const given = { system, connections, signals, options, attempts }
  return { ...given, clock, tally, http1, http2, upgraded, http1Requests, http2Requests, linger, settling }
}
