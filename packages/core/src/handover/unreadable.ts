import { ZerodropError } from '../errors/zerodrop-error.ts'
import { protocolVersion } from '../system/boot.ts'
import { readMessage, versionOf } from './protocol.ts'

/** Whether the other end runs a zerodrop that this one does not understand. */
export function isForeign(value: unknown): boolean {
  const version = versionOf(value)
  return version !== undefined && version !== protocolVersion
}

/**
 * The error for a message of zerodrop at the other end that this process cannot read; undefined if there is
 * none.
 * @param who the process at the other end
 * @param consequence what this process does now
 */
export function unreadable(who: string, value: unknown, consequence: string): ZerodropError | undefined {
  const version = versionOf(value)
  if (version === undefined || readMessage(value) !== undefined) return undefined
  const { type } = value as { type?: unknown }
  const what =
    version === protocolVersion
      ? `sent a message of type ${JSON.stringify(type)} in a form that version ${version} of zerodrop's protocol does not have. ` +
        'This is a bug in zerodrop: please report it.'
      : `speaks version ${version} of zerodrop's protocol, and this process version ${protocolVersion}. ` +
        'Stop the old process and start the new one; the next restart works again.'
  return new ZerodropError('ERR_ZERODROP_PROTOCOL_MISMATCH', `${who} ${what} ${consequence}`)
}
