import type { Release, System } from '../system/system.ts'

/**
 * How the connections follow a successor that has just started: one, and twice as many in all after each of these
 * milliseconds, as long as it takes to warm up. A cold process needs many times as long for an answer, and whoever is
 * not there yet is answered here.
 */
const warmUp = { double: 20, end: 250 }

/** How many connections may follow a successor that has just started. */
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

  /** How many may have set out by now. */
  get allowance(): number {
    const age = this.#system.now() - this.#begun
    return age >= warmUp.end ? Infinity : 2 ** Math.floor(age / warmUp.double)
  }

  /** Resolves when more may follow, or when nobody is to wait any longer. */
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
