import type { Socket } from 'node:dgram'
import { constants } from 'node:os'
import { type DatagramHandle, datagramHandleOf } from '../system/node-internals.ts'
import { type Address, datagramAddress } from './address.ts'

/** Node's types omit the property with the type of the socket. */
export type DatagramSocket = Socket & { readonly type: 'udp4' | 'udp6' }

/** Whether a value is a UDP socket. Does not load the module in processes without one. */
export function isDatagramSocket(value: unknown): value is Socket {
  return (
    typeof value === 'object' && value !== null && datagramHandleOf(value as Socket)?.recvStop !== undefined
  )
}

/**
 * An inherited socket is in its multicast groups already, and the kernel does not let it join a group twice.
 * So a join succeeds without effect for an application that joins at every start.
 */
export function keepMemberships(handle: DatagramHandle): void {
  const { EADDRINUSE, EADDRNOTAVAIL } = constants.errno
  for (const [method, joined] of [
    ['addMembership', EADDRINUSE],
    ['addSourceSpecificMembership', EADDRNOTAVAIL],
  ] as const) {
    const join = handle[method]
    handle[method] = (...group) => {
      const status: number = Reflect.apply(join, handle, group)
      return status === -joined ? 0 : status
    }
  }
}

/** Closes a socket. Resolves when the application has been notified. */
export function close(socket: DatagramSocket): Promise<void> {
  return new Promise((resolve) => {
    if (datagramHandleOf(socket) === undefined) resolve()
    else socket.close(resolve)
  })
}

/** The address of a socket; undefined if it is closed or not bound. */
export function addressOf(socket: DatagramSocket): Address | undefined {
  try {
    return datagramAddress({ ...socket.address(), family: socket.type })
  } catch {
    return undefined
  }
}

/** Whether a socket is connected to one peer. */
export function isConnected(socket: DatagramSocket): boolean {
  try {
    socket.remoteAddress()
    return true
  } catch {
    return false
  }
}
