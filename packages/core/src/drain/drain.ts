import type { Attempts } from '../errors/attempts.ts'
import type { Release, System } from '../system/system.ts'
import type { CutConnection, DrainResult } from '../events/drain-report.ts'
import type { ServerDrain } from './server-drain.ts'

export interface DrainOptions {
  /** Milliseconds until the rest is cut. 0 cuts at once, Infinity waits forever. */
  readonly drainTimeout: number
  /** Milliseconds during which the process has announced the drain but accepts and serves as before. */
  readonly drainDelay: number
  /** Whether another process accepts on the same sockets. */
  readonly successor: boolean
  readonly observer?: DrainObserver | undefined
  /** Called for each request or connection that the deadline or a signal cut. */
  readonly onCut: (connection: CutConnection, forced: boolean) => void
  readonly attempts: Attempts
}

/** Gets the progress of a drain. Times are in milliseconds since it began. */
export interface DrainObserver {
  onAcceptStopped(milliseconds: number): void
  /**
   * @param forced whether a signal forced the end before the deadline
   * @param cut how many requests and connections are cut
   */
  onForce(milliseconds: number, forced: boolean, cut: number): void
}

/** How long bodies that end properly at the deadline may take to be sent, in milliseconds. */
const lastWords = 250

/**
 * How long after the deadline a handover of idle connections may go without moving any, in milliseconds.
 * Longer than the time after which a successor counts as hung, because then they stay here.
 */
const stallTimeout = 12_000

/** Drains some servers together, under one deadline. A `Drain` runs only once. */
export class Drain {
  readonly #system: System
  readonly #servers: readonly ServerDrain[]
  readonly #options: DrainOptions
  readonly #timers: Release[] = []
  readonly #ended: Promise<'deadline' | 'forced' | 'cancelled'>
  #expire: () => void = () => {}
  #force: () => void = () => {}
  #cancel: () => void = () => {}

  constructor(system: System, servers: readonly ServerDrain[], options: DrainOptions) {
    this.#system = system
    this.#servers = servers
    this.#options = options
    this.#ended = new Promise((resolve) => {
      this.#expire = () => resolve('deadline')
      this.#force = () => resolve('forced')
      this.#cancel = () => resolve('cancelled')
    })
  }

  /**
   * Resolves when the last connection has ended. It never rejects: a step that throws is reported, and the next one runs.
   * @param onSettled called with each server once none of its connections can bring a new request
   */
  async run(onSettled: (server: ServerDrain) => void): Promise<DrainResult> {
    const { attempts, drainDelay, drainTimeout, successor, observer } = this.#options
    const begun = this.#system.now()
    const delayed = this.#wait(drainDelay)
    this.#timers.push(this.#system.setTimeout(this.#expire, drainDelay + drainTimeout))
    this.#each('beginning to drain a server', (server) => server.start())
    if (drainDelay > 0) await Promise.race([delayed, this.#ended])
    const accepting = this.#system.now()
    void this.#ended.then(() => this.#each('hurrying a server', (server) => server.hurry()))
    const stopping = this.#servers.map((server) =>
      attempts.wait('closing a listening socket', () => server.stopAccepting(successor)),
    )
    await Promise.all(stopping)
    const finishing = this.#system.now()
    attempts.run('telling that no more connections are accepted', () =>
      observer?.onAcceptStopped(finishing - begun),
    )
    this.#each('letting connections linger', (server) => server.linger())
    const settled = attempts.guard('telling that a server has settled', onSettled)
    this.#each('watching for the last request', (server) => server.onSettled(() => settled(server)))
    const empty = this.#allEmpty()
    const outcome = await Promise.race([empty, this.#ended])
    if (outcome === 'deadline' || outcome === 'forced') await this.#cut(empty, outcome === 'forced', begun)
    const ended = this.#system.now()
    this.#dispose()
    return {
      milliseconds: ended - begun,
      phases: { delay: accepting - begun, accept: finishing - accepting, finish: ended - finishing },
      ...this.#count(),
    }
  }

  /** Ends the wait and cuts the rest now, including connections that could still move to a successor. */
  force(): void {
    this.#force()
  }

  /** Ends the wait and leaves the servers as they are: `run()` resolves with the report so far. */
  cancel(): void {
    this.#cancel()
  }

  async #cut(empty: Promise<unknown>, forced: boolean, begun: number): Promise<void> {
    const { attempts, observer, onCut } = this.#options
    const cut = this.#each('cutting what is left', (server) => server.force(forced)).flat()
    attempts.run('telling of the deadline', () =>
      observer?.onForce(this.#system.now() - begun, forced, cut.length),
    )
    for (const connection of cut) attempts.run('telling what was cut', () => onCut(connection, forced))
    await Promise.race([empty, this.#wait(lastWords)])
    const moving = this.#each('destroying what is left', (server) => {
      if (!forced && server.migrates) return true
      server.destroy()
      return false
    })
    if (moving.includes(true)) await Promise.race([empty, this.#stalled()])
    this.#each('giving up what has not moved', (server) => server.giveUpMoving())
    // A destroyed stream need not emit 'close'.
    await Promise.race([empty, this.#wait(lastWords)])
  }

  /**
   * Resolves when no connection is left. It looks again after each server, because one may give a connection
   * to another.
   */
  async #allEmpty(): Promise<void> {
    do await Promise.all(this.#servers.map((server) => this.#empty(server)))
    while (this.#each('counting', ({ connections }) => connections.size).some((size) => size > 0))
  }

  /**
   * Resolves when no connection of a server is left. If that cannot be known, only the deadline ends the
   * wait.
   */
  async #empty({ connections }: ServerDrain): Promise<void> {
    const known = await this.#options.attempts.wait('waiting for the last connection', async () => {
      await connections.empty()
      return true
    })
    if (known === undefined) await new Promise(() => {})
  }

  /** Resolves when no connection has ended or moved for a while. */
  #stalled(): Promise<void> {
    return new Promise((resolve) => {
      let stop = this.#system.setTimeout(resolve, stallTimeout)
      this.#timers.push(() => stop())
      this.#each('watching connections', ({ connections }) => {
        const release = connections.onChange(() => {
          stop()
          stop = this.#system.setTimeout(resolve, stallTimeout)
        })
        this.#timers.push(release)
      })
    })
  }

  #count(): Omit<DrainResult, 'milliseconds' | 'phases'> {
    const sum = (count: (server: ServerDrain) => number): number =>
      this.#each('counting', count).reduce((total, each) => total + each, 0)
    return {
      finished: sum(({ tally }) => tally.finished),
      served: sum(({ tally }) => tally.served),
      refused: sum(({ tally }) => tally.refused),
      left: sum(({ tally }) => tally.left),
      websockets: sum(({ websockets }) => websockets),
      reset: sum(({ reset }) => reset),
      cut: this.#each('counting', ({ tally }) => tally.cut).flat(),
    }
  }

  /** Runs a step for each server, and returns the results of the calls that did not throw. */
  #each<Result>(step: string, act: (server: ServerDrain) => Result): Result[] {
    return this.#servers.flatMap((server) => {
      const result = this.#options.attempts.run(step, () => ({ value: act(server) }))
      return result === undefined ? [] : [result.value]
    })
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timers.push(this.#system.setTimeout(resolve, milliseconds))
    })
  }

  #dispose(): void {
    for (const release of this.#timers.splice(0)) release()
    this.#each('giving a server back', (server) => server.dispose())
  }
}
