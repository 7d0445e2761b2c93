import { constants } from 'node:os'
import { type Activation, isActivation } from './activation.ts'
import type { Channel } from './node-internals.ts'

/** The data that a successor's preload leaves for zerodrop, which the application imports later. */
export interface Boot {
  /** The file of the preload. */
  readonly file: string
  /** The variable `ZERODROP_INHERIT`, which is no longer in the environment. */
  readonly inheritVariable: string
  /** The channel to the predecessor; undefined if there is none that can be opened. */
  readonly channel: Channel | undefined
  /** The signals that have arrived and would have ended this process. */
  readonly survived: ReadonlySet<NodeJS.Signals>
  /** Whether zerodrop manages the servers of this process even if the application does not use it. */
  readonly registers: boolean
  /**
   * Called when zerodrop is loaded, which handles the predecessor's death from here on. Calling it again
   * does nothing.
   */
  takeOver(): void
  /** Stops the preload's work for the start of the application. Calling it again does nothing. */
  end(): void
}

/**
 * The version of the protocol between two generations: of the variable `ZERODROP_INHERIT` and of every
 * message. Raise it when either changes.
 */
export const protocolVersion = 4

/** The part of the inheritance that is needed before zerodrop is imported. */
export interface BootOrders {
  /** The process that wrote the orders, which may have died since. */
  readonly pid?: number
  /** The descriptor of the channel to the predecessor. */
  readonly channel?: number
  /** The inherited sockets that a service manager has opened. */
  readonly activated?: Activation
  /** Signals that do not end the predecessor, which a starting successor has to survive. */
  readonly bootSignals?: readonly NodeJS.Signals[]
  /**
   * How many milliseconds a successor may take to become ready after its predecessor has died; undefined for
   * no limit.
   */
  readonly readyTimeout?: number
  /** Whether zerodrop manages servers even if the application does not use it. */
  readonly register?: boolean
}

/**
 * The variable in which a predecessor describes the inheritance of its successor. The value contains the
 * version.
 */
export const inheritVariableName = 'ZERODROP_INHERIT'

/** The name under which zerodrop finds the preload, which may be of another version or copy. */
export const bootKey: unique symbol = Symbol.for('zerodrop.boot.v1')

/** Whether a process can survive a signal of that name. */
export function isSurvivable(signal: unknown): signal is NodeJS.Signals {
  return (
    typeof signal === 'string' &&
    Object.hasOwn(constants.signals, signal) &&
    signal !== 'SIGKILL' &&
    signal !== 'SIGSTOP'
  )
}

/** Whether this is a finite number of milliseconds, 0 or more. */
export function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

/** Whether this can be the pid of a process. */
export function isPid(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

/** Whether this can be a descriptor after stdin, stdout and stderr. */
export function isDescriptor(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 2
}

/**
 * Reads the orders for the preload, which must not fail even if the variable is invalid: zerodrop reports
 * that once it is imported.
 */
export function readOrders(variable: string): BootOrders {
  let value: unknown
  try {
    value = JSON.parse(variable)
  } catch {
    value = undefined
  }
  const { pid, channel, activated, bootSignals, readyTimeout, register } = (value ?? {}) as Record<
    keyof BootOrders,
    unknown
  >
  return {
    ...(isPid(pid) && { pid }),
    ...(isDescriptor(channel) && { channel }),
    ...(isActivation(activated) && { activated }),
    bootSignals: Array.isArray(bootSignals) ? bootSignals.filter(isSurvivable) : [],
    ...(isDuration(readyTimeout) && { readyTimeout }),
    ...(register === true && { register }),
  }
}
