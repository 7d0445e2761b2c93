import type { Server } from 'node:net'
import { boundAddress } from '../listeners/address.ts'
import { listeningHandle, postponeClose } from '../system/node-internals.ts'
import type { ComingKeeper, Keeper } from '../system/system.ts'
import type { Context } from './context.ts'

/** The requests that a keeper may make. */
export interface KeptActions {
  readonly restart: () => Promise<unknown>
  /** Begins to stop, and answers at once: the keeper notices the end by itself. */
  readonly stop: () => void
  readonly status: () => unknown
  /** Begins to stop: the keeper is gone, and with it the pid that other programs know. */
  readonly abandoned: () => void
}

/** Connects this process to its keeper: reports to it, and answers its requests. */
export class Kept {
  readonly #context: Context
  readonly #generation: number
  readonly #actions: KeptActions
  /** Undefined before the keeper arrives, and if none does. */
  #keeper: Keeper | undefined
  #stopping = false
  /** Whether this process has served, now or before. */
  #hasServed = false
  /** Whether the keeper passes signals on to this process although it is not ready. */
  #charged = false
  /** The pid of the keeper whose death this process has to tell when it takes over. */
  #died: number | undefined

  constructor(context: Context, generation: number, actions: KeptActions) {
    this.#context = context
    this.#generation = generation
    this.#actions = actions
    context.servingRole.onTaken(() => this.#onTaken())
  }

  /** @param held addresses of the sockets that the keeper has already */
  keepBy(keeper: Keeper, held: readonly string[]): void {
    const actions = this.#actions
    this.#keeper = keeper
    keeper.inherits(held)
    keeper.onGone(() => this.#onDeath(keeper))
    keeper.onAsk(async (what) => {
      if (what === 'restart') return actions.restart()
      if (what === 'status') return actions.status()
      actions.stop()
      return {}
    })
  }

  /**
   * The predecessor becomes the keeper when it has drained. If it dies instead, this process keeps serving
   * without one.
   */
  async expect({ pid, arrived }: ComingKeeper): Promise<void> {
    const keeper = await arrived
    const { reporter, servingRole, system } = this.#context
    if (keeper === undefined) {
      const text = `the predecessor died and did not become the keeper: nobody holds pid ${pid} any more, and the service goes on under pid ${system.pid}`
      reporter.write(text, { pid }, 'warn')
      return
    }
    this.keepBy(keeper, [])
    if (servingRole.held) this.#onTaken()
    reporter.tell('keeper:ready', { pid })
  }

  #onDeath({ pid, onDeath }: Keeper): void {
    const { predecessor, servingRole, settings, state } = this.#context
    const action = onDeath ?? settings.onKeeperDeath
    const isCurrent = ['starting', 'serving', 'restarting'].includes(state.current)
    if (isCurrent && (servingRole.held || predecessor === undefined))
      this.#context.reporter.tell('keeper:died', { pid, action })
    else this.#died = pid
    if (action === 'drain') this.#actions.abandoned()
  }

  /** This process serves from now on, or again. */
  #onTaken(): void {
    if (this.#died !== undefined)
      this.#context.reporter.tell('keeper:died', { pid: this.#died, action: 'serve' })
    this.#died = undefined
    if (!this.#charged) this.#keeper?.takeCharge(this.#generation)
    this.#charged = false
    this.#hasServed = true
    this.update()
  }

  /**
   * Another socket of this process is open to clients, and is not a probe. A process without a predecessor takes charge
   * with its first socket, ready or not, because no other process could be asked to restart or to stop.
   */
  onListening(): void {
    const { predecessor, servingRole } = this.#context
    if (!servingRole.held && !this.#charged && !this.#hasServed && predecessor === undefined) {
      this.#keeper?.takeCharge(this.#generation)
      this.#charged = true
    }
    this.update()
  }

  /** Tells the keeper which sockets are open. Only the process that serves, or is in charge, does that. */
  update(): void {
    const { datagrams, listeners, servingRole } = this.#context
    if (this.#stopping || !(servingRole.held || this.#charged)) return
    // After a crash the keeper has sockets that this process has not asked for yet, and would close them.
    if (!servingRole.held && listeners.inherited.left.length > 0) return
    const servers = listeners.inheritable.map(({ server, bound, requested }) => ({
      bound,
      requested,
      handle: listeningHandle(server),
    }))
    this.#keeper?.keep([...servers, ...datagrams.handles])
  }

  /**
   * The application closes a server. Its 'close' waits until the keeper has closed the socket too, because a
   * program that listens at the same address behind it would find the address in use.
   */
  onClosing(server: Server): void {
    const bound = boundAddress(server)
    if (this.#keeper === undefined || bound === undefined) return
    void this.#keeper.letGo(bound).then(postponeClose(server))
  }

  /**
   * No client should connect anymore: on a socket that the keeper still holds, clients would wait for a
   * response that never comes.
   */
  onStop(): void {
    this.#stopping = true
    if (this.#context.servingRole.held || this.#charged) this.#keeper?.keep([])
  }
}
