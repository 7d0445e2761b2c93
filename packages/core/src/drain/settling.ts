import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Connections } from '../connections/connections.ts'
import { currentResponse } from '../connections/exchange.ts'
import type { Release, System } from '../system/system.ts'
import { isClosing } from './close-gently.ts'
import type { Http1Drain } from './http1-drain.ts'
import type { UpgradedDrain } from './upgraded-drain.ts'

/** How many milliseconds after a change the connections are looked at. */
const settlingDelay = 25

interface Wait {
  /** Something has changed. */
  readonly check: () => void
  readonly settle: () => void
}

/** Tells when no connection of a draining server is left that a new request may come on. */
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
   * Calls back, once, when no such connection is left, or when the wait is ended.
   * @returns a function that ends the wait: the listener is called if it has not been
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
    // Not at once: a request that has just arrived reaches the application in this turn (see `deferRequests`).
    wait.check()
    return wait.settle
  }

  /** A request has arrived. */
  check(): void {
    for (const { check } of this.#waits) check()
  }

  /** The last connection can end, or the deadline come, before the next look: nobody must wait on. */
  dispose(): void {
    for (const { settle } of this.#waits) settle()
  }

  #mayBringMore(): boolean {
    const { sockets, upgraded, sessions, http, http2 } = this.#connections
    // Frameworks close WebSockets in their hooks, all at once and with a code of their own: ours come first.
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

/** Whether TLS has agreed on HTTP/2, as a server that serves HTTP/1 as well has it for some. */
function speaksHttp2(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).alpnProtocol === 'h2'
}
