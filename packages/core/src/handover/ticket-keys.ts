import type { Server } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { type Address, boundAddress } from '../listeners/address.ts'
import { setSessionIdContext } from '../system/node-internals.ts'
import { shadow } from '../system/shadow.ts'
import { tlsPolicyOf } from '../system/tls-policy.ts'
import type { Release } from '../system/system.ts'
import { isTlsServer } from '../system/tls-server.ts'
import type { Predecessor } from './predecessor.ts'
import type { TicketKeys } from './protocol.ts'

/** Undocumented fields of a tls.Server. */
interface NativeTlsServer extends TlsServer {
  /** The option of `tls.createServer()`, if it was set. */
  readonly ticketKeys?: Buffer
  sessionIdContext?: string
}

/** The keys of TLS servers whose sessions another process may resume. */
export function ticketKeysOf(listeners: readonly { server: Server; bound: Address }[]): TicketKeys[] {
  return listeners.flatMap(({ server, bound }) => {
    if (!isTlsServer(server)) return []
    const { sessionIdContext } = server as NativeTlsServer
    const policy = tlsPolicyOf(server)
    if (policy === undefined) return []
    return [{ listener: bound, keys: server.getTicketKeys().toString('base64'), sessionIdContext, policy }]
  })
}

/**
 * The successor's side: gives its TLS servers the predecessor's keys before they see their first client,
 * unless the application sets keys itself. The predecessor sends the keys when it learns that this process
 * has started. It lets this process accept later, over the same channel, so the keys arrive first.
 */
export class InheritedTicketKeys {
  readonly #chosen = new WeakSet<Server>()
  readonly #waiting: TlsServer[] = []
  readonly #releases: Release[] = []
  #keys: readonly TicketKeys[] | undefined

  constructor(predecessor: Predecessor) {
    this.#releases.push(
      noteChoices((server) => this.#chosen.add(server)),
      predecessor.on('ticket-keys', ({ servers }) => this.#arrive(servers)),
    )
  }

  /** A server of this process listens, and has accepted nothing yet. */
  onListening(server: Server): void {
    if (!isTlsServer(server)) return
    if (this.#keys !== undefined) this.#apply(server)
    else this.#waiting.push(server)
  }

  /** This process accepts now, so all inherited keys have arrived. */
  dispose(): void {
    this.#arrive([])
    for (const release of this.#releases.splice(0)) release()
  }

  #arrive(keys: readonly TicketKeys[]): void {
    this.#keys = keys
    for (const server of this.#waiting.splice(0)) this.#apply(server)
  }

  #apply(server: NativeTlsServer): void {
    const own = this.#keys?.find(({ listener }) => listener === boundAddress(server))
    if (own === undefined || server.ticketKeys !== undefined || this.#chosen.has(server)) return
    // A resumed session does not check the requirements of this version again.
    if (tlsPolicyOf(server) !== own.policy) return
    server.setTicketKeys(Buffer.from(own.keys, 'base64'))
    const isDefault = server.sessionIdContext === defaultSessionIdContext()
    if (own.sessionIdContext !== undefined && isDefault) setSessionIdContext(server, own.sessionIdContext)
  }
}

/**
 * The session id context that Node gives a server without one: a hash of the command line. It contains the
 * script's path, which can differ in the next generation because of a moved symlink in the working directory.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_tls_wrap.js (Server.prototype.setSecureContext)
 */
function defaultSessionIdContext(): string | undefined {
  return (new TlsServer() as NativeTlsServer).sessionIdContext
}

/**
 * Notes which servers get keys from the application: the server itself does not show whether its keys are
 * random.
 */
function noteChoices(note: (server: Server) => void): Release {
  return shadow(
    TlsServer.prototype,
    'setTicketKeys',
    (set) =>
      function (this: TlsServer, keys: Buffer): void {
        note(this)
        Reflect.apply(set, this, [keys])
      },
  )
}
