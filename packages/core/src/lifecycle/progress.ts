import { addCounts, countConnections, noConnections } from '../connections/count.ts'
import { isClosing } from '../drain/close-gently.ts'
import type { ProgressLine } from '../system/progress-line.ts'
import type { Release } from '../system/system.ts'
import type { Context } from './context.ts'
import { describeCounts } from './status.ts'

/**
 * Anything that ends sooner shows nothing: Ctrl-C without a request in flight ends at once. In milliseconds.
 */
const showDelay = 300

/** How often the line changes, in milliseconds. */
const interval = 250

/** Shows a person at a terminal how far a drain or a restart has come. */
export class ProgressDisplay {
  readonly #context: Context
  #line: ProgressLine | undefined
  #stopWaiting: Release | undefined
  #successor: { readonly generation: number; readonly until: number; ready: boolean } | undefined

  constructor(context: Context) {
    this.#context = context
  }

  /** From now on shows every drain of the process, and every restart, that takes a while. */
  watch(): void {
    const { reporter, system } = this.#context
    reporter.addWitness((name, payload) => {
      if (name === 'restart:start') {
        const { generation } = payload as { generation: number }
        const until = system.now() + this.#context.settings.readyTimeout
        this.#successor = { generation, until, ready: false }
        this.#begin()
      } else if (name === 'restart:ready' && this.#successor !== undefined) this.#successor.ready = true
      else if (name === 'drain:start') this.#begin()
      // A shutdown aborts a restart: from then on the line shows the drain.
      else if (name === 'restart:failed' && this.#context.state.current === 'draining') return
      else if (name === 'drain:complete' || name === 'restart:failed') this.#end()
    })
  }

  #begin(): void {
    const { system } = this.#context
    this.#stopWaiting?.()
    const release = system.setTimeout(() => void this.#open(release), showDelay)
    this.#stopWaiting = release
  }

  #end(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = undefined
    this.#line?.end()
    this.#line = undefined
  }

  async #open(begun: Release): Promise<void> {
    // A line that a restart has opened stays during a shutdown.
    const line = this.#line ?? (await this.#context.system.openProgressLine())
    if (line === undefined) return
    // It has ended in the meantime.
    if (this.#stopWaiting !== begun) {
      line.end()
      return
    }
    this.#line = line
    this.#show()
  }

  #show(): void {
    this.#line?.update(this.#text())
    this.#stopWaiting = this.#context.system.setTimeout(() => this.#show(), interval)
  }

  #text(): string {
    const { drains, state, system } = this.#context
    const now = system.now()
    const { progress } = drains
    if (progress === undefined || state.current === 'restarting') {
      const { generation = 0, until = Infinity, ready = false } = this.#successor ?? {}
      return ready
        ? `restarting: generation ${generation} is on probation`
        : `restarting: generation ${generation} is not ready yet${describeTimeLeft(until - now)}`
    }
    return describeProgress(this.#context)
  }
}

/** Describes in one line how far the drain of this process has come. */
export function describeProgress({ drains, servers, state, system }: Context): string {
  const counts = servers.drainable
    .map(({ connections }) => countConnections(connections, isClosing))
    .reduce(addCounts, noConnections)
  const what = state.current === 'handing-over' ? 'handing over' : 'draining'
  const deadline = drains.progress?.deadline ?? Infinity
  return `${what}: ${describeCounts(counts)}${describeTimeLeft(deadline - system.now())}`
}

function describeTimeLeft(milliseconds: number): string {
  return milliseconds === Infinity ? '' : `, ${Math.max(0, Math.ceil(milliseconds / 1000))} s left`
}
