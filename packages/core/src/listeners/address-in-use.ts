import type { Server } from 'node:net'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { type Address, boundAddress } from './address.ts'
import type { InheritedListeners } from './inheritance.ts'

/** Who may hold an address. */
interface Holders {
  /** The servers of this process. */
  readonly servers: readonly Server[]
  readonly inherited: InheritedListeners
}

/** The error for an address that is in use. It says which process probably holds it and what to do. */
export function addressInUse(requested: Address | undefined, holders: Holders, cause: Error): ZerodropError {
  const text = `This process cannot listen on ${requested ?? 'the address'}: it is in use. ${describe(requested, holders)}`
  return new ZerodropError('ERR_ZERODROP_ADDRESS_IN_USE', text, { cause })
}

function describe(requested: Address | undefined, { servers, inherited }: Holders): string {
  const port = portOf(requested)
  const own = servers.map(boundAddress).find((bound) => port !== undefined && portOf(bound) === port)
  if (own !== undefined) return `This process listens on ${own} already: give one server another port.`
  const offered = inherited.left.find(({ bound }) => port !== undefined && portOf(bound) === port)
  if (offered !== undefined) {
    return (
      `The predecessor holds that port as ${offered.bound}: listen on the same host as it does, ` +
      'or stop it and start this version instead of restarting.'
    )
  }
  const opened = inherited.activated.left.find((socket) => port !== undefined && socket.includes(`:${port} `))
  if (opened !== undefined)
    return `systemd has opened that port as ${opened}: listen on the same host, or name the socket in "socketNames".`
  if (inherited.activated.hasConnection)
    return (
      'systemd has passed one connection to this process instead of the socket that accepts connections: ' +
      'set Accept=no in the socket unit.'
    )
  return (
    'Another process holds it, which did not hand it over. Stop that process; if it is an earlier generation of ' +
    'this application, send it SIGHUP instead of starting a second one.'
  )
}

function portOf(address: Address | undefined): string | undefined {
  return /^tcp:.*:(\d+)$/.exec(address ?? '')?.[1]
}
