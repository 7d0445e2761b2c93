/**
 * Runs things one fixed delay after they are pushed, in the order they were pushed.
 *
 * Because the delay is the same for all, what was pushed first is due first, so a plain queue and a single timer do
 * for a whole proxy: 500 busy connections cost at most one timer at a time.
 */
export class DelayLine {
  readonly #delay: number
  #queue: { due: number; run: () => void }[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(delay: number) {
    this.#delay = delay
  }

  push(run: () => void): void {
    this.#queue.push({ due: performance.now() + this.#delay, run })
    this.#timer ??= setTimeout(this.#flush, this.#delay)
  }

  /** Forgets everything that is still on its way. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#queue = []
  }

  readonly #flush = (): void => {
    const queue = this.#queue
    const now = performance.now()
    let ran = 0
    // A run may push (that lands behind us in the same array) or clear (that gives us another array).
    for (let next = queue[0]; next !== undefined && next.due <= now; next = queue[ran]) {
      ran += 1
      next.run()
      if (this.#queue !== queue) return
    }
    queue.splice(0, ran)
    const first = queue[0]
    // Node's timers count whole milliseconds and may fire a fraction early, so what is left is rounded up.
    this.#timer = first && setTimeout(this.#flush, Math.max(1, Math.ceil(first.due - performance.now())))
  }
}
