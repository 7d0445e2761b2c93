import type { ListenOptions } from 'node:net'

export type Options = ListenOptions & { fd?: number }

/**
 * Who looks after one call of `listen()`, kept on its options while it is on its way. There can be several in a process
 * under a test runner that loads the package again for each file: the newest does it, and the others leave it alone.
 */
export interface Claim {
  owner: object
  /** The options as they were. */
  readonly original: Options
}

/** What is changed in the options of one call. */
const changed = ['fd', 'path', 'readableAll', 'writableAll'] as const

const claimKey = Symbol.for('zerodrop.listen.v1')

/** Makes `owner` the one who may change the options of a call, until the end of this turn. */
export function claim(options: Options, owner: object): Claim {
  const claims = options as Options & { [claimKey]?: Claim }
  const earlier = claims[claimKey]
  if (earlier !== undefined) {
    earlier.owner = owner
    restore(options, earlier.original)
    return earlier
  }
  const made: Claim = { owner, original: { ...options } }
  Object.defineProperty(claims, claimKey, { value: made, configurable: true })
  // By then Node has read the object. It can be the caller's own, and Fastify copies it for its second server on
  // `localhost`, which must not adopt the same descriptor.
  queueMicrotask(() => {
    Reflect.deleteProperty(claims, claimKey)
    restore(options, made.original)
  })
  return made
}

function restore(options: Options, original: Options): void {
  for (const key of changed) {
    if (Object.hasOwn(original, key)) Object.assign(options, { [key]: original[key] })
    else Reflect.deleteProperty(options, key)
  }
}
