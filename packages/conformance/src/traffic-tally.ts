import { LatencyRecorder } from './latency.ts'
import type { ClientKind, LossSample, TrafficReport } from './traffic-report.ts'

const SAMPLES = 10

/** Where the clients of a traffic count what happens to them. */
export class TrafficTally {
  readonly connections: TrafficReport['connections'] = { clients: 0, opened: 0, kept: 0, closed: 0, reset: 0 }
  readonly latency: LatencyRecorder = new LatencyRecorder()
  readonly #started = performance.now()
  readonly #byKind: TrafficReport['byKind'] = {
    quick: { answered: 0, lost: 0 },
    connection: { answered: 0, lost: 0 },
    slow: { answered: 0, lost: 0 },
    upload: { answered: 0, lost: 0 },
  }
  readonly #losses: LossSample[] = []
  readonly #versions = new Set<string>()
  readonly #pids = new Set<number>()
  readonly #waits = new Set<{ until: number; resolve: () => void }>()
  #mark: { name: string; at: number } | undefined
  #refused = 0
  #unavailable = 0

  mark(name: string): void {
    this.#mark = { name, at: performance.now() }
    this.latency.mark()
  }

  answered(kind: ClientKind): void {
    this.#byKind[kind].answered += 1
    this.#wake()
  }

  lost(kind: ClientKind, reason: string): void {
    this.#byKind[kind].lost += 1
    if (this.#losses.length < SAMPLES) {
      const now = performance.now()
      const sinceMark = this.#mark && Math.round(now - this.#mark.at)
      this.#losses.push({
        kind,
        reason,
        at: Math.round(now - this.#started),
        mark: this.#mark?.name,
        sinceMark,
      })
    }
    this.#wake()
  }

  refused(): void {
    this.#refused += 1
    this.#wake()
  }

  unavailable(): void {
    this.#unavailable += 1
  }

  servedBy(version: string, pid: number): void {
    this.#versions.add(version)
    this.#pids.add(pid)
  }

  /** Resolves when `count` more requests have ended in whatever way; refused connects count. */
  after(count: number): Promise<void> {
    return new Promise((resolve) => this.#waits.add({ until: this.#ended() + count, resolve }))
  }

  /** Nothing will be counted any more: releases who waits. */
  close(): void {
    for (const wait of this.#waits) wait.resolve()
    this.#waits.clear()
  }

  report(): TrafficReport {
    const kinds = Object.values(this.#byKind)
    const answered = kinds.reduce((sum, kind) => sum + kind.answered, 0)
    const lost = kinds.reduce((sum, kind) => sum + kind.lost, 0)
    return {
      requests: answered + lost,
      answered,
      lost,
      refused: this.#refused,
      unavailable: this.#unavailable,
      losses: [...this.#losses],
      byKind: structuredClone(this.#byKind),
      connections: { ...this.connections },
      versions: [...this.#versions],
      pids: [...this.#pids],
      latency: this.latency.summary(),
    }
  }

  #ended(): number {
    return Object.values(this.#byKind).reduce((sum, kind) => sum + kind.answered + kind.lost, this.#refused)
  }

  #wake(): void {
    if (this.#waits.size === 0) return
    const ended = this.#ended()
    for (const wait of this.#waits) {
      if (wait.until > ended) continue
      this.#waits.delete(wait)
      wait.resolve()
    }
  }
}
