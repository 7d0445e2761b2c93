/**
 * A health check. It passes if it returns or resolves to anything but `false`, and fails if it returns
 * `false`, throws or rejects.
 * @param signal aborts when the check's `timeout` has passed
 */
export type HealthCheck = (signal: AbortSignal) => unknown

/** A health check with options of its own. */
export interface HealthCheckOptions {
  /** The check: it passes unless it throws, rejects or returns false. */
  readonly check: HealthCheck
  /**
   * Milliseconds after which the check has failed. The default is below the second that Kubernetes waits.
   * `0` fails every asynchronous check; `Infinity` waits forever.
   * @default 800
   */
  readonly timeout?: number
  /**
   * Milliseconds for which a result is reused. `0` runs the check for each probe; simultaneous probes share
   * one run. `Infinity` keeps the first result.
   * @default 1000
   */
  readonly cache?: number
}

/** How the process answers health probes. */
export interface HealthOptions {
  /**
   * The path of the liveness probe: 200 until the process ends. `false` for none.
   * @default '/livez'
   */
  readonly livez?: string | false
  /**
   * The path of the readiness probe: 503 until the process is ready, while a check fails, and from the
   * first moment of a drain. `false` for none.
   * @default '/readyz'
   */
  readonly readyz?: string | false
  /**
   * A separate port for these paths, which keeps answering during a drain. It opens at the first call of
   * `graceful()` or `configure()`, and a successor inherits it. Without it, the app's own servers answer.
   */
  readonly port?: number
  /** The address of that port. The default is the one of `server.listen(port)`: all addresses. */
  readonly host?: string
  /**
   * What else has to be healthy for the process to be ready, by name. The checks do not run before the
   * process listens or while it drains.
   */
  readonly checks?: Readonly<Record<string, HealthCheck | HealthCheckOptions>>
  /**
   * Whether `?verbose` shows the state of the process, the names of the checks, and why they fail.
   * @default false
   */
  readonly verbose?: boolean
}

export const defaultHealth = {
  livez: '/livez',
  readyz: '/readyz',
  verbose: false,
  timeout: 800,
  cache: 1000,
} as const
