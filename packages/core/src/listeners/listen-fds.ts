import { descriptorAddress } from './descriptor-address.ts'
import { type InheritedListeners, mismatch } from './inheritance.ts'

/** The first descriptor after stdin, stdout and stderr. */
const first = 3

/**
 * Offers the listening sockets that `LISTEN_FDS` counts. As in grace, `[::]` and `0.0.0.0` are one address.
 * @throws `ERR_ZERODROP_INHERIT_MISMATCH` if one of the descriptors is not a listening socket, or if that is
 * unknown on this system
 */
export function offerListenFds(inherited: InheritedListeners, count: number): void {
  const found = Array.from({ length: count }, (_, index) => {
    const fd = first + index
    const bound = descriptorAddress(fd)
    if (bound === undefined) throw mismatch(fd, `LISTEN_FDS=${count}`, 'none that can be found')
    return { fd, bound, requested: bound.replace('tcp://[::]:', 'tcp://0.0.0.0:') }
  })
  for (const listener of found) inherited.offer(listener)
}
