/** Where a figure stood early and late: medians over the first and the last quarter of the generations. */
export interface Trend {
  readonly early: number
  readonly late: number
}

export function trendOf(values: readonly number[]): Trend {
  const quarter = Math.max(1, values.length >> 2)
  return { early: median(values.slice(0, quarter)), late: median(values.slice(-quarter)) }
}

/** Whether it has not grown by more than a tenth, or by more than `allowance` where that is more. */
export function isFlat({ early, late }: Trend, allowance: number): boolean {
  return late - early <= Math.max(early / 10, allowance)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1] ?? 0
}
