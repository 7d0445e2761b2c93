interface Watcher {
  what: string
  check: () => boolean
  fail: (error: Error) => void
}

/** Waits for something to become true. Whoever changes the something calls `poll`. */
export class Watchers {
  readonly #watchers = new Set<Watcher>()
  readonly #context: () => string
  #ended: string | undefined

  /** `context` is added to the message of every wait that fails. */
  constructor(context: () => string) {
    this.#context = context
  }

  /**
   * Resolves with what `find` finds, now or at a later poll.
   * @throws Error after `timeout`, or at once if the watch has ended
   */
  until<Found>(what: string, find: () => Found | undefined, timeout: number): Promise<Found> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const watcher: Watcher = {
        what,
        check: () => {
          const found = find()
          if (found === undefined) return false
          clearTimeout(timer)
          this.#watchers.delete(watcher)
          resolve(found)
          return true
        },
        fail: (error) => {
          clearTimeout(timer)
          this.#watchers.delete(watcher)
          reject(error)
        },
      }
      if (watcher.check()) return
      if (this.#ended !== undefined) return watcher.fail(this.#error(`waited for ${what}: ${this.#ended}`))
      timer = setTimeout(() => watcher.fail(this.#error(`waited ${timeout} ms for ${what}`)), timeout)
      this.#watchers.add(watcher)
    })
  }

  poll(): void {
    for (const watcher of this.#watchers) watcher.check()
  }

  /** Nothing will change any more: fails what is still waiting, and what will. */
  end(reason: string): void {
    this.poll()
    this.#ended = reason
    for (const watcher of this.#watchers) watcher.fail(this.#error(`waited for ${watcher.what}: ${reason}`))
  }

  #error(message: string): Error {
    return new Error(`${message}\n${this.#context()}`)
  }
}
