export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)]
  return below + (sorted[Math.ceil(place)] - below) * (place - Math.floor(place))
}

export function median(values) {
  return quantile(values, 0.5)
}

export function sum(values) {
  return values.reduce((total, value) => total + value, 0)
}

/** Median with its quartiles, and where 95 of 100 medians of such samples lie (binomial order statistics). */
export function summary(values) {
  const half = 0.98 / Math.sqrt(values.length)
  return {
    median: median(values),
    quartiles: [quantile(values, 0.25), quantile(values, 0.75)],
    interval: [quantile(values, Math.max(0, 0.5 - half)), quantile(values, Math.min(1, 0.5 + half))],
  }
}

/** A random order. */
export function shuffled(values) {
  const result = [...values]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[result[i], result[j]] = [result[j], result[i]]
  }
  return result
}
