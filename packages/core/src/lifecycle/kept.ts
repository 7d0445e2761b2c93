import { listeningHandle } from '../system/node-internals.ts'
import type { Keeper } from '../system/system.ts'
import type { Context } from './context.ts'

/** What a keeper may ask this process for. */
export interface KeptActions {
  readonly restart: () => Promise<unknown>
  /** Begins to stop, and answers at once: the keeper sees the end by itself. */
  readonly stop: () => void
  readonly status: () => unknown
  /** The keeper is gone: nobody holds the pid that everybody knows. */
  readonly abandoned: () => void
}

/** This process below a keeper: what the keeper has to know of it, and what it may ask. */
export class Kept {
  readonly #keeper: Keeper
  readonly #context: Context
  readonly #generation: number
  #stopping = false

  /** @param inherited addresses of the sockets that this process was given, which the keeper has */
  constructor(
    keeper: Keeper,
    context: Context,
    generation: number,
    inherited: readonly string[],
    actions: KeptActions,
  ) {
    this.#keeper = keeper
    this.#context = context
    this.#generation = generation
    context.servingRole.onTaken(() => this.#onTaken())
    keeper.inherits(inherited)
    keeper.onGone(actions.abandoned)
    keeper.onAsk(async (what) => {
      if (what === 'restart') return actions.restart()
      if (what === 'status') return actions.status()
      actions.stop()
      return {}
    })
  }

  /** This process serves from now on, or again. */
  #onTaken(): void {
    this.#keeper.takeCharge(this.#generation)
    this.update()
  }

  /** Tells the keeper which sockets there are. Only the process that serves says so. */
  update(): void {
    const { datagrams, listeners, servingRole } = this.#context
    if (!servingRole.held || this.#stopping) return
    const servers = listeners.inheritable.map(({ server, bound, requested }) => ({
      bound,
      requested,
      handle: listeningHandle(server),
    }))
    this.#keeper.keep([...servers, ...datagrams.handles])
  }

  /** Nobody is to connect any more: what the keeper holds open would let clients wait for an answer that never comes. */
  onStop(): void {
    this.#stopping = true
    if (this.#context.servingRole.held) this.#keeper.keep([])
  }
}
