import type { Release, System } from '../system/system.ts'
import type { CutConnection, DrainResult } from '../events/drain-report.ts'
import type { ServerDrain } from './server-drain.ts'

export interface DrainOptions {
  /** Milliseconds until what is left is cut. 0 cuts at once, Infinity waits for ever. */
  readonly drainTimeout: number
  /** Milliseconds that are spent accepting and serving as before, when only the announcement is made. */
  readonly drainDelay: number
  /** Whether another process accepts on the same sockets. */
  readonly successor: boolean
  readonly observer?: DrainObserver | undefined
  /** Told of each thing that the deadline or a signal cut. */
  readonly onCut: (connection: CutConnection, forced: boolean) => void
}

/** Whoever wants to know how far a drain has come. Each time is in milliseconds since it began. */
export interface DrainObserver {
  onAcceptStopped(milliseconds: number): void
  /**
   * @param forced whether the deadline was not waited for
   * @param cut how much is cut
   */
  onHammer(milliseconds: number, forced: boolean, cut: number): void
}

/** How long what can be ended correctly at the deadline may take to be sent. */
const lastWords = 250

/** How long a hand-over of idle connections may go on after the deadline without one that has moved. */
const stallTimeout = 5000

/** Drains some servers together, under one deadline. It happens once. */
export class Drain {
  readonly #system: System
  readonly #servers: readonly ServerDrain[]
  readonly #options: DrainOptions
  readonly #timers: Release[] = []
  readonly #hammered: Promise<'hammered' | 'forced' | 'cancelled'>
  #hammer: () => void = () => {}
  #force: () => void = () => {}
  #cancel: () => void = () => {}

  constructor(system: System, servers: readonly ServerDrain[], options: DrainOptions) {
    this.#system = system
    this.#servers = servers
    this.#options = options
    this.#hammered = new Promise((resolve) => {
      this.#hammer = () => resolve('hammered')
      this.#force = () => resolve('forced')
      this.#cancel = () => resolve('cancelled')
    })
  }

  /**
   * Resolves when the last connection has ended. It never rejects.
   * @param onSettled called with each server when no connection of it may bring a new request any more
   */
  async run(onSettled: (server: ServerDrain) => void): Promise<DrainResult> {
    const { drainDelay, drainTimeout, successor, observer } = this.#options
    const begun = this.#system.now()
    const delayed = this.#wait(drainDelay)
    this.#timers.push(this.#system.setTimeout(this.#hammer, drainDelay + drainTimeout))
    for (const server of this.#servers) server.start()
    if (drainDelay > 0) await Promise.race([delayed, this.#hammered])
    const accepting = this.#system.now()
    void this.#hammered.then(() => {
      for (const server of this.#servers) server.hurry()
    })
    await Promise.all(this.#servers.map((server) => server.stopAccepting(successor)))
    const finishing = this.#system.now()
    observer?.onAcceptStopped(finishing - begun)
    for (const server of this.#servers) {
      server.linger()
      server.onSettled(() => onSettled(server))
    }
    const empty = Promise.all(this.#servers.map(({ connections }) => connections.empty()))
    const outcome = await Promise.race([empty, this.#hammered])
    if (outcome === 'hammered' || outcome === 'forced') await this.#cut(empty, outcome === 'forced', begun)
    const ended = this.#system.now()
    this.#dispose()
    const sum = (count: (server: ServerDrain) => number): number =>
      this.#servers.reduce((total, server) => total + count(server), 0)
    return {
      milliseconds: ended - begun,
      phases: { delay: accepting - begun, accept: finishing - accepting, finish: ended - finishing },
      finished: sum(({ tally }) => tally.finished),
      served: sum(({ tally }) => tally.served),
      refused: sum(({ tally }) => tally.refused),
      left: sum(({ tally }) => tally.left),
      websockets: sum(({ websockets }) => websockets),
      reset: sum(({ reset }) => reset),
      cut: this.#servers.flatMap(({ tally }) => tally.cut),
    }
  }

  /** Ends the wait: what is left is cut now, connections that could still move to a successor included. */
  hammer(): void {
    this.#force()
  }

  /** Ends the wait, and gives the servers back as they are: `run()` resolves with what was done so far. */
  cancel(): void {
    this.#cancel()
  }

  async #cut(empty: Promise<unknown>, forced: boolean, begun: number): Promise<void> {
    const cut = this.#servers.flatMap((server) => server.hammer(forced))
    this.#options.observer?.onHammer(this.#system.now() - begun, forced, cut.length)
    for (const connection of cut) this.#options.onCut(connection, forced)
    await Promise.race([empty, this.#wait(lastWords)])
    for (const server of this.#servers) if (forced || !server.migrates) server.destroy()
    await Promise.race([empty, this.#stalled()])
    for (const server of this.#servers) server.giveUpMoving()
    await empty
  }

  /** Resolves when no connection has ended, or left, for a while. */
  #stalled(): Promise<void> {
    return new Promise((resolve) => {
      let stop = this.#system.setTimeout(resolve, stallTimeout)
      this.#timers.push(() => stop())
      for (const { connections } of this.#servers) {
        const release = connections.onChange(() => {
          stop()
          stop = this.#system.setTimeout(resolve, stallTimeout)
        })
        this.#timers.push(release)
      }
    })
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timers.push(this.#system.setTimeout(resolve, milliseconds))
    })
  }

  #dispose(): void {
    for (const release of this.#timers.splice(0)) release()
    for (const server of this.#servers) server.dispose()
  }
}
