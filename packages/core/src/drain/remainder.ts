import type { Socket } from 'node:net'
import type { CutConnection } from '../events/drain-report.ts'
import { cut, describeCut, describeMoving } from './cut.ts'
import type { Parts } from './parts.ts'

/** The requests and connections that are left on a draining server, and how they end at the deadline. */
export class Remainder {
  readonly #parts: Parts
  /** Idle connections that were on their way to a successor when the drain was forced. */
  #spared: ReadonlySet<Socket> = new Set()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Describes everything in flight. */
  describe(): CutConnection[] {
    const { clock, connections, http1Requests } = this.#parts
    return describeCut(connections, clock.times, (socket) => http1Requests.on(socket))
  }

  /**
   * Ends streams that can be ended properly and cuts the rest. It does not cut idle connections that are
   * moving to a successor: that ends by itself, and some may have a next request waiting unread.
   */
  force(forced: boolean, migrates: boolean): readonly CutConnection[] {
    const { attempts, connections, http1, http1Requests, http2Requests } = this.#parts
    const { options, signals, system, tally, upgraded } = this.#parts
    const underWay = this.describe()
    const quiet = migrates ? [...connections.idle(), ...connections.unused()] : []
    this.#spared = new Set(quiet.filter((socket) => !http1.keeps(socket)))
    const untouched = new Set(this.#spared)
    for (const socket of connections.sockets.keys())
      if (options.departures?.isUnderWay(socket) === true) untouched.add(socket)
    attempts.run('counting what is cut of HTTP/1', () => http1Requests.force(forced))
    attempts.run('counting what is cut of HTTP/2', () => http2Requests.force())
    tally.cut.push(...underWay)
    attempts.run('telling WebSockets', () => upgraded.force(untouched))
    cut(connections, system, (exchange) => signals.isWatched(exchange), {
      spared: untouched,
      spread: options.closeSpread,
      attempts,
    })
    return underWay
  }

  /**
   * Destroys connections that have not moved for too long. The successor has not taken them, and a request
   * may be waiting on each.
   */
  giveUpMoving(): void {
    const { clock, connections, http1Requests, tally } = this.#parts
    const { times } = clock
    for (const socket of this.#spared)
      if (!socket.destroyed && http1Requests.on(socket).length === 0)
        tally.addCut(describeMoving(connections, socket, times))
    this.destroy()
  }

  /** Destroys the connections that are left. */
  destroy(): void {
    const { attempts, connections } = this.#parts
    for (const socket of connections.all) attempts.run('destroying a connection', () => socket.destroy())
  }
}
