/** `1 2 3 5` is `1 to 3, 5`. */
export function ranges(versions: readonly string[]): string {
  const runs: string[][] = []
  for (const version of versions) {
    const run = runs.at(-1)
    if (run !== undefined && Number(run.at(-1)) + 1 === Number(version)) run.push(version)
    else runs.push([version])
  }
  return runs.map((run) => (run.length > 1 ? `${run[0]} to ${run.at(-1)}` : run[0])).join(', ')
}

/** Milliseconds: the least, the most and the median. */
export function span(milliseconds: readonly number[]): string {
  const sorted = [...milliseconds].sort((a, b) => a - b)
  const at = (index: number): string => (sorted[index] ?? 0).toFixed(0)
  return `${at(0)} to ${at(sorted.length - 1)} ms, median ${at((sorted.length - 1) >> 1)} ms`
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MiB`
}
