import type { ZerodropError } from '../errors/zerodrop-error.ts'
import { type Inheritance, InheritedListeners, readInheritance } from '../listeners/inheritance.ts'
import type { System } from '../system/system.ts'

/** What this process was started with. */
export interface Origin {
  readonly generation: number
  /** The addresses of the sockets that the predecessor or the keeper gave. */
  readonly addresses: readonly string[]
  readonly inherited: InheritedListeners
  /** What the predecessor left; undefined for the first generation. */
  readonly inheritance: Inheritance | undefined
  /** Why what the predecessor left could not be read: raised where the user first calls zerodrop. */
  readonly error: ZerodropError | undefined
}

/** Finds out what this process was started with. */
export function originOf(system: System): Origin {
  const { inheritance, error } = inheritanceOf(system)
  const listeners = inheritance?.listeners ?? system.keeper?.listeners ?? []
  return {
    generation: inheritance?.generation ?? system.keeper?.generation ?? 1,
    addresses: listeners.map(({ bound }) => bound),
    inherited: new InheritedListeners(listeners),
    inheritance,
    error,
  }
}

function inheritanceOf({ inheritVariable }: System): Pick<Origin, 'inheritance' | 'error'> {
  if (inheritVariable === undefined) return { inheritance: undefined, error: undefined }
  try {
    return { inheritance: readInheritance(inheritVariable), error: undefined }
  } catch (error) {
    return { inheritance: undefined, error: error as ZerodropError }
  }
}
