import type { RawResponse } from '@zerodrop/traffic'

/** Looks for answers of a version that is over. */
export class VersionWatch {
  /** Answers that a version gave when its successor had taken over. */
  stale = 0
  #oldest = 1

  /** From now on no version before this one may answer. */
  settle(version: number): void {
    this.#oldest = version
  }

  see(response: RawResponse): void {
    if (versionOf(response) < this.#oldest) this.stale += 1
  }
}

/** The number in an answer of the server; NaN, which is before nothing, if there is none. */
export function versionOf(response: RawResponse): number {
  try {
    return Number((JSON.parse(response.body.toString()) as { version?: unknown }).version)
  } catch {
    return Number.NaN
  }
}
