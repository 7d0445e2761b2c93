/** What the clients of one kind have noticed. */
export class StreamTally {
  /** Messages that came as they should. */
  received = 0
  lost = 0
  duplicated = 0
  reordered = 0
  /** Connections that ended before the client ended them. */
  closed = 0
  /** Of the first thing that was wrong. */
  example: string | undefined

  wrong(what: 'lost' | 'duplicated' | 'reordered' | 'closed', example: string, count = 1): void {
    this[what] += count
    this.example ??= example
  }

  get faults(): number {
    return this.lost + this.duplicated + this.reordered + this.closed
  }
}

/** Numbers that have to come one after the other, each once. */
export class Sequence {
  readonly #name: string
  readonly #tally: StreamTally
  #next: number | undefined

  /** @param first undefined if it begins anywhere */
  constructor(name: string, tally: StreamTally, first?: number) {
    this.#name = name
    this.#tally = tally
    this.#next = first
  }

  add(number: number): void {
    const next = this.#next ?? number
    if (number === next) this.#tally.received++
    else if (number > next)
      this.#tally.wrong('lost', `${this.#name}: ${number} after ${next - 1}`, number - next)
    else this.#tally.wrong('duplicated', `${this.#name}: ${number} after ${next - 1}`)
    this.#next = Math.max(next, number + 1)
  }
}
