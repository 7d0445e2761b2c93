/** Whether the process should be left alone (`live`) and whether it should get new work (`ready`). */
export interface Health {
  /** True until the process exits: a draining process is healthy and must not be killed. */
  readonly live: boolean
  /** True while the process serves; false before it listens and from the first moment of a drain. */
  readonly ready: boolean
}
