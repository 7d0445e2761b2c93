/** The kinds of clients of the soak, as its table names them. */
export const kinds = {
  direct: 'keep-alive',
  distant: 'keep-alive, 30 ms away',
  connection: 'connection per request',
  pipelined: 'pipelining, 4 at once',
  split: 'random bursts and splits',
  slow: 'slow answers, 30 ms away',
  upload: 'uploads, 30 ms away',
  reader: 'slow readers of 1.5 MB',
  tls: 'TLS, keep-alive',
  h2: 'HTTP/2 over TLS',
  h2c: 'HTTP/2 without TLS',
} as const

export type SoakKind = keyof typeof kinds

export const allKinds: readonly SoakKind[] = Object.keys(kinds) as SoakKind[]

/** Those of which every connection has to be kept. */
export const keptKinds: readonly SoakKind[] = [
  'direct',
  'distant',
  'pipelined',
  'split',
  'slow',
  'upload',
  'reader',
]

/** Those whose latency is compared. */
export const quickKinds: readonly SoakKind[] = ['direct', 'distant']

/**
 * Of these, those whose latency is judged. Next to the server, where an answer takes a millisecond, the p99 around a
 * restart shows little else than how long a cold process needs for its first answers (docs/soak.md).
 */
export const judgedKinds: readonly SoakKind[] = ['distant']

/**
 * What runs in one thread. Those whose latency is compared have one of their own: what they measure beside clients
 * that move megabytes is the garbage collection of these.
 */
export const threads: readonly (readonly SoakKind[])[] = [
  quickKinds,
  allKinds.filter((kind) => !quickKinds.includes(kind)),
]
