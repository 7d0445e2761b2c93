import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'

/** How many descriptors stay free beside those of the sockets: for the channel, and for clients that connect meanwhile. */
export const reserve = 8

/**
 * The successor sends a descriptor of each socket that it listens on. A process without a free descriptor
 * resets each client that connects.
 * https://github.com/libuv/libuv/blob/v1.51.0/src/unix/stream.c (uv__emfile_trick)
 * @throws `ERR_ZERODROP_SPAWN_FAILED` if too few are free
 */
export function checkRoom(system: System, sockets: number): void {
  const needed = sockets + reserve
  const room = system.freeDescriptors(needed)
  if (room !== undefined && room.free < needed)
    throw new ZerodropError(
      'ERR_ZERODROP_SPAWN_FAILED',
      `The successor was not started: EMFILE. A restart of ${sockets} sockets needs ${needed} more descriptors in this process, ` +
        `and ${Math.max(0, room.free)} of its ${room.limit} are free. ${raiseLimit} This process goes on serving.`,
    )
}

/** What to do, for error messages. */
export const raiseLimit =
  'Raise the limit ("ulimit -n", or LimitNOFILE= in a systemd unit) and start the service again.'
