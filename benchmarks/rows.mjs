/** Turns the results of the benchmarks into the rows of their tables. */
import { existsSync, readFileSync } from 'node:fs'

/** The name of a package with its version, or another name as it is. */
export function withVersion(name) {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  const isPackage = name !== 'zerodrop' && existsSync(file)
  return isPackage ? `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}` : name
}

export function named({ name, version }) {
  return version === '' ? name : `${name} ${version}`
}

export function restartRow(result, rounds) {
  if (result.missing !== undefined) return { requests: `left out: ${result.missing}` }
  const { requests, lost, refused, kept, clients, milliseconds } = result
  return {
    requests,
    lost,
    'lost per restart': (lost / rounds).toFixed(1),
    refused,
    'connections kept': `${kept} of ${clients}`,
    'ms per restart': Math.round(milliseconds),
  }
}

export function overheadRow({ name, pairs, perRound, total }) {
  return {
    '': name,
    median: pairs.median.toFixed(4),
    '95 %': range(pairs.interval, 4),
    quartiles: range(pairs.quartiles, 3),
    'median of rounds': perRound.median.toFixed(4),
    'all bursts': total.toFixed(4),
  }
}

export function memoryRow({ name, heap, heapOverBase, externalOverBase, rss, rssOverBase }) {
  return {
    '': withVersion(name),
    heap: heap.toFixed(0),
    'heap over base': heapOverBase.toFixed(0),
    'of that external': externalOverBase.toFixed(0),
    resident: rss.toFixed(0),
    'resident over base': rssOverBase.toFixed(0),
  }
}

export function warmUpRow({ name, lost, requests, quiet, around, control, first, slowest }) {
  return {
    '': name,
    requests,
    lost,
    quiet: quiet.toFixed(1),
    'around restarts': around.toFixed(1),
    ratio: (around / quiet).toFixed(2),
    'around control': control.toFixed(1),
    'its ratio': (control / quiet).toFixed(2),
    'restart / control': (around / control).toFixed(2),
    'first second': first.toFixed(1),
    slowest: slowest.toFixed(1),
  }
}

export function range([low, high], digits) {
  return `${low.toFixed(digits)} to ${high.toFixed(digits)}`
}
