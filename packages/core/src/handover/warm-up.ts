import type { Release, System } from '../system/system.ts'

/**
 * How fast connections move to a successor that has just started: one at first, and the total doubles after
 * each of these intervals, in milliseconds, until it is warm. A cold process needs many times as long for a
 * response, and this process answers the clients that have not moved yet.
 */
const warmUp = { double: 20, end: 250 }

/** Limits how many connections may move to a successor that has just started. */
export class WarmUp {
  readonly #system: System
  readonly #releases: Release[] = []
  #begun = 0

  constructor(system: System) {
    this.#system = system
  }

  begin(): void {
    this.#begun = this.#system.now()
  }

  /** How many may have been sent by now. */
  get allowance(): number {
    const age = this.#system.now() - this.#begun
    return age >= warmUp.end ? Infinity : 2 ** Math.floor(age / warmUp.double)
  }

  /** Resolves when more may follow, or when the pause is ended. */
  pause(): Promise<void> {
    return new Promise((resolve) => {
      const release = this.#system.setTimeout(resolve, warmUp.double)
      this.#releases.push(release, resolve)
    })
  }

  /** Ends the pause. */
  end(): void {
    for (const release of this.#releases.splice(0)) release()
  }
}
