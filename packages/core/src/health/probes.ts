import type { System } from '../system/system.ts'
import { Check, type CheckResult } from './check.ts'
import type { Health } from './health.ts'
import { defaultHealth, type HealthOptions } from './options.ts'

/** The response to a health probe. */
export interface HealthAnswer {
  /** 200 if the process is healthy, otherwise 503. */
  readonly status: 200 | 503
  /** The header fields of the response. */
  readonly headers: Readonly<Record<string, string>>
  /** The text of the response. */
  readonly body: string
}

/** The state from which a response is made. */
export interface Condition extends Health {
  /** The state of the process, as the verbose response names it. */
  readonly state: string
}

const headers: HealthAnswer['headers'] = {
  'Content-Type': 'text/plain; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
}

/** Makes the responses to `/livez` and `/readyz`, in the format of Kubernetes's own endpoints. */
export class Probes {
  readonly paths: readonly string[]
  readonly #condition: () => Condition
  readonly #onChange: (result: CheckResult) => void
  readonly #checks: readonly Check[]
  readonly #livez: string | false
  readonly #readyz: string | false
  readonly #verbose: boolean
  readonly #failing = new Set<string>()

  /** @param onChange called when the result of a check changes */
  constructor(
    system: System,
    options: HealthOptions,
    condition: () => Condition,
    onChange: (result: CheckResult) => void,
  ) {
    const { livez, readyz, verbose, checks = {} } = options
    this.#livez = livez ?? defaultHealth.livez
    this.#readyz = readyz ?? defaultHealth.readyz
    this.paths = [this.#livez, this.#readyz].filter((path) => path !== false)
    this.#verbose = verbose ?? defaultHealth.verbose
    this.#checks = Object.entries(checks).map(([name, check]) => new Check(system, name, check))
    this.#condition = condition
    this.#onChange = onChange
  }

  isFor({ method, url }: ProbeRequest): boolean {
    return (method === 'GET' || method === 'HEAD') && this.paths.includes(pathOf(url))
  }

  /** Undefined for any other request. */
  answer(
    asked: ProbeRequest,
    condition: () => Condition = this.#condition,
  ): Promise<HealthAnswer> | undefined {
    if (!this.isFor(asked)) return undefined
    const verbose = this.#verbose && /[?&]verbose(?:[&=]|$)/.test(asked.url ?? '')
    return pathOf(asked.url) === this.#livez ? this.#live(verbose) : this.#ready(verbose, condition)
  }

  async #live(verbose: boolean): Promise<HealthAnswer> {
    const { live, state } = this.#condition()
    return answerOf('livez', live, verbose ? [line(live, 'process', state)] : undefined)
  }

  async #ready(verbose: boolean, condition: () => Condition): Promise<HealthAnswer> {
    const { ready, state } = condition()
    const process = line(ready, 'process', state)
    // Checks cannot make such a process ready, and a process that ends should not run them.
    if (!ready) return answerOf('readyz', false, verbose ? [process] : undefined)
    const results = await Promise.all(this.#checks.map((check) => check.run()))
    for (const result of results) this.#notice(result)
    const passes = results.every(({ error }) => error === undefined)
    // A drain may have begun in the meantime.
    const now = condition()
    const lines = [
      line(now.ready, 'process', now.state),
      ...results.map(({ name, error }) => line(error === undefined, name, error?.message ?? 'ok')),
    ]
    return answerOf('readyz', passes && now.ready, verbose ? lines : undefined)
  }

  #notice(result: CheckResult): void {
    const { name, error } = result
    if ((error !== undefined) === this.#failing.has(name)) return
    if (error === undefined) this.#failing.delete(name)
    else this.#failing.add(name)
    this.#onChange(result)
  }
}

/** The fields of a request that are read. */
export interface ProbeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
}

function pathOf(url = ''): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

function line(passes: boolean, name: string, text: string): string {
  return `[${passes ? '+' : '-'}]${name} ${text}`
}

function answerOf(path: string, passes: boolean, lines: readonly string[] | undefined): HealthAnswer {
  const status = passes ? 200 : 503
  if (lines === undefined) return { status, headers, body: passes ? 'ok' : 'unavailable' }
  return { status, headers, body: [...lines, `${path} check ${passes ? 'passed' : 'failed'}`, ''].join('\n') }
}
