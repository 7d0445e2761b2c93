import { isLoss } from './outcome.ts'
import type { Outcome } from './outcome.ts'

/** One request, stream or connection. Times are in milliseconds relative to the event, negative before it. */
export interface Entry {
  readonly client: string
  readonly what: string
  readonly from: number
  readonly to: number
  readonly outcome: Outcome
  readonly detail?: string | undefined
}

/** Closes one entry. Further calls do nothing. */
export type Note = (outcome: Outcome, detail?: string) => void

/** Records what the clients of a situation saw. */
export class Ledger {
  readonly #entries: {
    client: string
    what: string
    from: number
    to: number
    outcome: Outcome
    detail: string | undefined
  }[] = []
  readonly #open = new Set<Note>()
  #event: number | undefined

  open(client: string, what: string): Note {
    const from = performance.now()
    const note: Note = (outcome, detail) => {
      if (!this.#open.delete(note)) return
      this.#entries.push({ client, what, from, to: performance.now(), outcome, detail })
    }
    this.#open.add(note)
    return note
  }

  /** Records the time of the event. Only the first call counts. */
  mark(): void {
    this.#event ??= performance.now()
  }

  get eventAt(): number | undefined {
    return this.#event
  }

  /** Closes the entries that are still open, as `hung`. */
  closeAll(): void {
    for (const note of this.#open) note('hung', 'nothing came of it in time')
  }

  entries(): Entry[] {
    const zero = this.#event ?? performance.now()
    const at = (time: number): number => Math.round((time - zero) * 10) / 10
    return this.#entries
      .map(({ from, to, ...entry }) => ({ ...entry, from: at(from), to: at(to) }))
      .sort((one, other) => one.from - other.from)
  }

  counts(): Partial<Record<Outcome, number>> {
    const counts: Partial<Record<Outcome, number>> = {}
    for (const { outcome } of this.#entries) counts[outcome] = (counts[outcome] ?? 0) + 1
    return counts
  }

  get lost(): number {
    return this.#entries.filter(({ outcome }) => isLoss(outcome)).length
  }
}
