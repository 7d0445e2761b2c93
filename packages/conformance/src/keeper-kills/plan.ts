/** The plan of one trial. The same seed and index give the same plan. */
export interface Plan {
  readonly way: 'lazy keeper' | 'zerodrop run'
  readonly victim: 'keeper' | 'serving generation' | 'successor'
  /** How many restarts come before. */
  readonly restarts: number
  /** Milliseconds from the signal of one more restart to the kill; undefined without that restart. */
  readonly after: number | undefined
}

export function planOf(seed: number, index: number): Plan {
  const random = randomFrom(seed * 100_003 + index)
  const way = index % 2 === 0 ? 'lazy keeper' : 'zerodrop run'
  const victim = (['keeper', 'serving generation', 'successor'] as const)[Math.floor(random() * 3)]!
  const restarts = Math.floor(random() * 3)
  const isIdle = victim !== 'successor' && random() < 0.2
  // Without a restart a lazy keeper is not there yet.
  return {
    way,
    victim,
    restarts: isIdle ? Math.max(1, restarts) : restarts,
    after: isIdle ? undefined : random() ** 2 * 1500,
  }
}

/** https://en.wikipedia.org/wiki/Lehmer_random_number_generator */
function randomFrom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1
  const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  for (let count = 0; count < 5; count++) next()
  return next
}
