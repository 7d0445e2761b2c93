/** An undo that a test owes. */
export type Undo = () => unknown

export interface Leftovers {
  /** Notes an undo and returns it. */
  add<U extends Undo>(undo: U): U
  /** Runs all undos, last added first, even if some throw; throws what they threw when all have run. */
  disposeAll(): Promise<void>
}

/**
 * A stack of undos, to be emptied in `afterEach`. Whatever starts something adds its undo at once, so that a test that
 * fails half way leaves nothing behind. An undo must bear being called when the test has already done its work.
 */
export function leftovers(): Leftovers {
  const undos: Undo[] = []
  return {
    add(undo) {
      undos.push(undo)
      return undo
    },
    async disposeAll() {
      const errors: unknown[] = []
      for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
        try {
          await undo()
        } catch (error) {
          errors.push(error)
        }
      }
      if (errors.length === 1) throw errors[0]
      if (errors.length > 1) throw new AggregateError(errors, `${errors.length} undos failed`)
    },
  }
}
