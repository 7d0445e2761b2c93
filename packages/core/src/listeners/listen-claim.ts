import type { ListenOptions } from 'node:net'

export type Options = ListenOptions & { fd?: number }

/**
 * The copy of the package that handles one call of `listen()`, stored on its options during the call. A test
 * runner that loads the package again for each file has several copies in one process: the newest handles
 * the call, and the others leave it alone.
 */
export interface Claim {
  owner: object
  /** The original options. */
  readonly original: Options
}

/** The changes to the options of one call. */
const changed = ['fd', 'path', 'readableAll', 'writableAll'] as const

const claimKey = Symbol.for('zerodrop.listen.v1')

/** Lets only `owner` change the options of a call, until the end of this tick. */
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
  // By then Node has read the object. It can belong to the caller, and Fastify copies it for its second
  // server on `localhost`, which must not adopt the same descriptor.
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
