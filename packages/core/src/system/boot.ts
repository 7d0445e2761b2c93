import { constants } from 'node:os'
import { type Activation, isActivation } from './activation.ts'
import type { Channel } from './node-internals.ts'

/** What a successor's preload leaves for zerodrop, which the application imports later. */
export interface Boot {
  /** The preload itself. */
  readonly file: string
  /** The variable `ZERODROP_INHERIT`, which is no longer in the environment. */
  readonly inheritVariable: string
  /** The channel to the predecessor; undefined if it left none that can be opened. */
  readonly channel: Channel | undefined
  /** The signals that have reached this process and would have ended it. */
  readonly survived: ReadonlySet<NodeJS.Signals>
  /** zerodrop is there: it sees itself to what happens if the predecessor dies. Calling it again does nothing. */
  takeOver(): void
  /** Ends what the preload does while the application starts. Calling it again does nothing. */
  end(): void
}

/**
 * The version of what two generations say to each other: of the variable `ZERODROP_INHERIT` and of every message. It goes
 * up when either changes.
 */
export const protocolVersion = 4

/** The part of what a predecessor hands over that is needed before zerodrop is imported. */
export interface BootOrders {
  /** The descriptor of the channel to the predecessor. */
  readonly channel?: number
  /** The sockets of a service manager among those that it has. */
  readonly activated?: Activation
  /** Signals that do not end the predecessor: a successor that is still starting has to survive them. */
  readonly bootSignals?: readonly NodeJS.Signals[]
  /** Milliseconds that a successor may take to be ready once its predecessor has died; undefined if it may take forever. */
  readonly readyTimeout?: number
}

/** The variable in which a predecessor names what it hands to its successor. The version is inside the value. */
export const inheritVariableName = 'ZERODROP_INHERIT'

/** By what name the preload, which may be of another version or another copy, is found. */
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

/** Whether this is a number of milliseconds: 0 or more, and not forever. */
export function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

/** Whether this can be the number of a descriptor behind stdin, stdout and stderr. */
export function isDescriptor(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 2
}

/**
 * Reads the orders for the preload, which must not fail whatever the variable holds: for that zerodrop complains, once it
 * is imported.
 */
export function readOrders(variable: string): BootOrders {
  let value: unknown
  try {
    value = JSON.parse(variable)
  } catch {
    value = undefined
  }
  const { channel, activated, bootSignals, readyTimeout } = (value ?? {}) as Record<keyof BootOrders, unknown>
  return {
    ...(isDescriptor(channel) && { channel }),
    ...(isActivation(activated) && { activated }),
    bootSignals: Array.isArray(bootSignals) ? bootSignals.filter(isSurvivable) : [],
    ...(isDuration(readyTimeout) && { readyTimeout }),
  }
}
