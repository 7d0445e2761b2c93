import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Connections } from '../connections/connections.ts'
import { currentResponse } from '../connections/exchange.ts'
import type { Release, System } from '../system/system.ts'
import { isClosing } from './close-gently.ts'
import type { Http1Drain } from './http1-drain.ts'
import type { UpgradedDrain } from './upgraded-drain.ts'

/** How many milliseconds after a change it checks the connections. */
const settlingDelay = 25

interface Wait {
  /** Tells it that something has changed. */
  readonly check: () => void
  readonly settle: () => void
}

/** Notices when no connection of a draining server can bring a new request. */
export class Settling {
  readonly #connections: Connections
  readonly #system: System
  readonly #http1: Pick<Http1Drain, 'lingersBehind'>
  readonly #upgraded: Pick<UpgradedDrain, 'waiting'>
  readonly #waits = new Set<Wait>()

  constructor(
    connections: Connections,
    system: System,
    http1: Pick<Http1Drain, 'lingersBehind'>,
    upgraded: Pick<UpgradedDrain, 'waiting'>,
  ) {
    this.#connections = connections
    this.#system = system
    this.#http1 = http1
    this.#upgraded = upgraded
  }

  /**
   * Calls back, once, when no connection can bring a new request, or when the wait is ended.
   * @returns a function that ends the wait, and calls the listener unless that has happened
   */
  onSettled(listener: () => void): () => void {
    let checking: Release | undefined
    const wait: Wait = {
      check: () => {
        checking ??= this.#system.setTimeout(() => {
          checking = undefined
          if (!this.#mayBringMore()) wait.settle()
          else if (this.#upgraded.waiting) wait.check()
        }, settlingDelay)
      },
      settle: () => {
        if (!this.#waits.delete(wait)) return
        release()
        checking?.()
        listener()
      },
    }
    const release = this.#connections.onChange(wait.check)
    this.#waits.add(wait)
    // Not at once: a request that has just arrived reaches the application in this tick (see
    // `deferRequests`).
    wait.check()
    return wait.settle
  }

  /** A request has arrived. */
  check(): void {
    for (const { check } of this.#waits) check()
  }

  /** The last connection may end, or the deadline pass, before the next check: the wait must end then. */
  dispose(): void {
    for (const { settle } of this.#waits) settle()
  }

  #mayBringMore(): boolean {
    const { sockets, upgraded, sessions, http, http2 } = this.#connections
    // Frameworks close WebSockets in their hooks, all at once and with their own code: our close frames come
    // first.
    if (this.#upgraded.waiting) return true
    if (this.#connections.handshaking().length > 0) return true
    if ([...sessions].some((session) => !session.closed)) return true
    const onlyHttp2 = http2 && http === undefined
    return [...(onlyHttp2 ? [] : sockets.keys())].some((socket) => {
      const response = currentResponse(socket)
      const lingers = response === undefined || this.#http1.lingersBehind(response)
      return lingers && !speaksHttp2(socket) && !upgraded.has(socket) && !isClosing(socket)
    })
  }
}

/** Whether TLS has negotiated HTTP/2 on this connection: a server may serve both versions. */
function speaksHttp2(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).alpnProtocol === 'h2'
}
