import { activate } from './activation.ts'
import { type BootOrders, inheritVariableName, readOrders } from './boot.ts'
import { type Channel, openChannel } from './node-internals.ts'

/** What a predecessor left for this process. */
export interface Orders {
  /** The variable `ZERODROP_INHERIT`. */
  readonly variable: string
  readonly given: BootOrders
  readonly channel: Channel | undefined
}

/**
 * Takes what a predecessor left for this process, and leaves nothing of it for the application and its children.
 * @returns undefined if this is no successor, or somebody has taken it already
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
