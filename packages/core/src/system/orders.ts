import { activate } from './activation.ts'
import { type BootOrders, inheritVariableName, readOrders } from './boot.ts'
import { type Channel, openChannel } from './node-internals.ts'

/** The predecessor's data for this process. */
export interface Orders {
  /** The variable `ZERODROP_INHERIT`. */
  readonly variable: string
  readonly given: BootOrders
  readonly channel: Channel | undefined
}

/**
 * Takes the predecessor's data for this process out of the environment, so that the application and its
 * children do not see it.
 * @returns undefined if this is not a successor, or if the data was taken already
 */
export function takeOrders(): Orders | undefined {
  const variable = process.env[inheritVariableName]
  if (variable === undefined) return undefined
  delete process.env[inheritVariableName]
  const given = readOrders(variable)
  if (given.activated !== undefined) activate(given.activated, process.env)
  return {
    variable,
    given,
    channel: given.channel === undefined ? undefined : openChannel(given.channel),
  }
}
