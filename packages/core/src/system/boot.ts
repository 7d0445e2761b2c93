/** What a successor's preload leaves for zerodrop, which the application imports later. */
export interface Boot {
  /** The variable `ZERODROP_INHERIT`, which is no longer in the environment. */
  readonly inheritVariable: string
  /** zerodrop is there: it sees itself to what happens if the predecessor dies. Calling it again does nothing. */
  takeOver(): void
  /** Ends what the preload does while the application starts. Calling it again does nothing. */
  end(): void
}

/** The part of what a predecessor hands over that the preload needs: the rest is read when zerodrop is imported. */
export interface BootOrders {
  /** Signals that do not end the predecessor: a successor that is still starting has to survive them. */
  readonly bootSignals?: readonly string[]
  /** Milliseconds that a successor may take to be ready once its predecessor has died; missing for ever. */
  readonly readyTimeout?: number
}

/** The variable in which a predecessor names what it hands to its successor. The version is inside the value. */
export const inheritVariableName = 'ZERODROP_INHERIT'

/** By what name the preload, which may be of another version or another copy, is found. */
export const bootKey: unique symbol = Symbol.for('zerodrop.boot.v1')
