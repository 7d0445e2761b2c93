/**
 * Passes by returning, or resolving with, anything but `false`; fails by `false`, by throwing or by rejecting.
 * @param signal aborted when the time for the check is over
 */
export type HealthCheck = (signal: AbortSignal) => unknown

/** A health check with options of its own. */
export interface HealthCheckOptions {
  /** The check: it passes unless it throws, rejects or returns false. */
  readonly check: HealthCheck
  /**
   * Milliseconds after which the check has failed. Below the second for which Kubernetes waits by default. Infinity
   * waits for ever.
   * @default 800
   */
  readonly timeout?: number
  /**
   * Milliseconds for which a result is given to whoever asks. 0 checks each time; those who ask at the same time share
   * one check all the same.
   * @default 1000
   */
  readonly cache?: number
}

/** How the process answers those who ask how it is. */
export interface HealthOptions {
  /**
   * The path that says whether the process lives: 200 until it ends. `false` for none.
   * @default '/livez'
   */
  readonly livez?: string | false
  /**
   * The path that says whether the process should get work: 503 until it is ready, while a check fails, and from the
   * first moment of a drain on. `false` for none.
   * @default '/readyz'
   */
  readonly readyz?: string | false
  /**
   * A port of its own for these paths, which goes on answering while the process drains. It is open from the first call
   * of `graceful()` or `configure()` on, and is handed to a successor like any other. Without one, the application's own
   * servers answer.
   */
  readonly port?: number
  /** Where that port is opened. Without it, as `server.listen(port)` does it: on all addresses. */
  readonly host?: string
  /** What else has to be well for the process to be ready, by name. Not asked before it listens, nor while it drains. */
  readonly checks?: Readonly<Record<string, HealthCheck | HealthCheckOptions>>
  /**
   * Whether `?verbose` shows more than ok or not: the state of the process, the names of the checks, and why they fail.
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
