import type { ZerodropError } from '../errors/zerodrop-error.ts'
import { type Inheritance, InheritedListeners, readInheritance } from '../listeners/inheritance.ts'
import type { System } from '../system/system.ts'

/** The resources that this process was started with. */
export interface Origin {
  readonly generation: number
  /** The addresses of the sockets from the predecessor or the keeper. */
  readonly addresses: readonly string[]
  readonly inherited: InheritedListeners
  /** The inheritance from the predecessor; undefined for the first generation. */
  readonly inheritance: Inheritance | undefined
  /** Why the inheritance could not be read: thrown by the user's first call of zerodrop. */
  readonly error: ZerodropError | undefined
}

/** Reads what this process was started with. */
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
