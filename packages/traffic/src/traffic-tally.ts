import { KindTally } from './kind-tally.ts'
import type { ConnectionCounts, KindCounts, KindReport } from './kind-tally.ts'
import { Around } from './latency.ts'

/** One lost request, told so that it can be found in a server's log. */
export interface LossSample<Kind extends string = string> {
  kind: Kind
  reason: string
  /** Milliseconds since the traffic started. */
  at: number
  /** The last mark before it and how many milliseconds before. */
  mark: string | undefined
  sinceMark: number | undefined
}

export interface TallyCounts extends KindCounts {
  /** Requests of which bytes were written: answered or lost. */
  requests: number
  /** Of the clients that keep theirs alive. */
  connections: ConnectionCounts
}

export interface TallyReport<Kind extends string> extends TallyCounts {
  /** The first ten losses. */
  losses: LossSample<Kind>[]
  byKind: Record<Kind, KindReport>
  /** Versions that answered quick requests, in order of first appearance. */
  versions: string[]
  /** Pids that answered quick requests, in order of first appearance. */
  pids: number[]
}

const SAMPLES = 10

/** Where all clients of a traffic count what happens to them, each kind in a tally of its own. */
export class TrafficTally<Kind extends string> {
  readonly #around = new Around()
  readonly #started = performance.now()
  readonly #kinds = new Map<Kind, KindTally>()
  readonly #losses: LossSample<Kind>[] = []
  readonly #versions = new Set<string>()
  readonly #pids = new Set<number>()
  readonly #waits = new Set<{ until: number; resolve: () => void }>()
  #mark: { name: string; at: number } | undefined
  #ended = 0

  constructor(kinds: readonly Kind[]) {
    for (const kind of kinds)
      this.#kinds.set(kind, new KindTally(this.#around, (lostFor) => this.#onEnd(kind, lostFor)))
  }

  kind(kind: Kind): KindTally {
    return this.#kinds.get(kind) as KindTally
  }

  /** Requests that have ended in whatever way; refused connects count. */
  get ended(): number {
    return this.#ended
  }

  /** Latencies are those around it for so many milliseconds, or until `calm`. */
  mark(name: string, milliseconds: number): void {
    this.#mark = { name, at: performance.now() }
    this.#around.begin(milliseconds)
  }

  /** What was marked last is over in so many milliseconds. */
  calm(milliseconds: number): void {
    this.#around.endIn(milliseconds)
  }

  servedBy(version: string, pid: number): void {
    this.#versions.add(version)
    this.#pids.add(pid)
  }

  /** Resolves when so many requests have ended in all. */
  until(ended: number): Promise<void> {
    if (ended <= this.#ended) return Promise.resolve()
    return new Promise((resolve) => this.#waits.add({ until: ended, resolve }))
  }

  /** Nothing will be counted any more: releases who waits. */
  close(): void {
    for (const wait of this.#waits) wait.resolve()
    this.#waits.clear()
  }

  /** The counts alone, which cost next to nothing. */
  counts(): TallyCounts {
    return totalOf([...this.#kinds.values()].map(({ counts, connections }) => ({ ...counts, connections })))
  }

  report(): TallyReport<Kind> {
    const byKind = Object.fromEntries([...this.#kinds].map(([kind, tally]) => [kind, tally.report()]))
    return {
      ...this.counts(),
      losses: [...this.#losses],
      byKind: byKind as Record<Kind, KindReport>,
      versions: [...this.#versions],
      pids: [...this.#pids],
    }
  }

  #onEnd(kind: Kind, lostFor: string | undefined): void {
    this.#ended += 1
    if (lostFor !== undefined && this.#losses.length < SAMPLES) this.#losses.push(this.#sample(kind, lostFor))
    for (const wait of this.#waits) {
      if (wait.until > this.#ended) continue
      this.#waits.delete(wait)
      wait.resolve()
    }
  }

  #sample(kind: Kind, reason: string): LossSample<Kind> {
    const now = performance.now()
    const sinceMark = this.#mark && Math.round(now - this.#mark.at)
    return { kind, reason, at: Math.round(now - this.#started), mark: this.#mark?.name, sinceMark }
  }
}

/** What kinds, of which there is at least one, came to together. */
export function totalOf(kinds: readonly (KindCounts & { connections: ConnectionCounts })[]): TallyCounts {
  const counts = sum(
    kinds.map(({ answered, lost, refused, unavailable, retried, resumed }) => ({
      requests: answered + lost,
      answered,
      lost,
      refused,
      unavailable,
      retried,
      resumed,
    })),
  )
  return { ...counts, connections: sum(kinds.map(({ connections }) => connections)) }
}

function sum<Counts extends { [name in keyof Counts]: number }>(all: readonly Counts[]): Counts {
  const total = { ...(all[0] as Counts) }
  for (const each of all.slice(1))
    for (const name of Object.keys(each) as (keyof Counts)[])
      total[name] = (total[name] + each[name]) as Counts[keyof Counts]
  return total
}
