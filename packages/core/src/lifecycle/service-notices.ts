import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { LifecycleEvents } from '../events/events.ts'
import type { ServiceManager } from '../system/service-manager.ts'
import type { Context } from './context.ts'
import { describeProgress } from './progress.ts'

/** Asks systemd for 15 more seconds for a drain. */
const moreTime = { EXTEND_TIMEOUT_USEC: '15000000' }

/** How often to send that, in milliseconds. */
const extensionInterval = 5000

/** The most addresses that one line names. */
const mostNamed = 3

/**
 * Notifies systemd of the service's state: `READY`, `RELOADING`, `STOPPING`, `STATUS`, `MAINPID`, `WATCHDOG`
 * and `EXTEND_TIMEOUT_USEC` of sd_notify(3). Only the serving process does that.
 */
export class ServiceNotices {
  readonly #context: Context
  readonly #manager: ServiceManager
  readonly #generation: number
  #watched = false
  /** Whether the pid of the service has changed, or is about to. */
  #pidMoves: boolean
  /** Whether systemd knows that a restart has begun, but not how it ended. */
  #reloading = false

  /** @param generation of this process */
  constructor(context: Context, manager: ServiceManager, generation: number) {
    this.#context = context
    this.#manager = manager
    this.#generation = generation
    this.#pidMoves = context.system.predecessor !== undefined
  }

  /** From now on systemd is notified. */
  watch(): void {
    const { hooks, reporter, servingRole } = this.#context
    const manager = this.#manager
    servingRole.onTaken(() => this.#onTaken())
    manager.onFailed((reason) => reporter.warn(notifyFailed(reason)))
    // This process's notices have to arrive before the successor's, and before systemd notices the end of
    // this process.
    hooks.add('onRestart', 'systemd', () => manager.told(), {})
    hooks.add('beforeExit', 'systemd', () => manager.told(), {})
    reporter.addWitness((name, payload) => {
      if (name === 'restart:start') this.#onRestart(payload as LifecycleEvents['restart:start'][0])
      else if (name === 'restart:merged') this.#onMerged(payload as LifecycleEvents['restart:merged'][0])
      else if (name === 'warning') this.#onWarning(payload as LifecycleEvents['warning'][0])
      else if (name === 'restart:handing-over')
        this.#onHandOver(payload as LifecycleEvents['restart:handing-over'][0])
      else if (name === 'restart:failed') this.#onFailed(payload as LifecycleEvents['restart:failed'][0])
      else if (name === 'drain:start') this.#onDrain(payload as LifecycleEvents['drain:start'][0])
    })
  }

  /** This process serves from now on, or again. */
  #onTaken(): void {
    const { comingKeeper, keeper, pid } = this.#context.system
    // A shell with the pid that systemd knows may have started the first generation.
    this.#reloading = false
    const mainPid = (keeper ?? comingKeeper) === undefined && this.#pidMoves ? { MAINPID: String(pid) } : {}
    this.#manager.tell({ READY: '1', STATUS: this.#serves(), ...mainPid })
    if (this.#watched || this.#manager.watchdog === undefined) return
    this.#watched = true
    this.#showLife(this.#manager.watchdog)
  }

  /** If the event loop is late, so is this timer. A serving successor sends the watchdog notice itself. */
  #showLife(interval: number): void {
    const { servingRole, system } = this.#context
    if (servingRole.held) this.#manager.tell({ WATCHDOG: '1' })
    system.setIdleTimeout(() => this.#showLife(interval), interval)
  }

  #onRestart({ generation }: LifecycleEvents['restart:start'][0]): void {
    if (this.#isService) this.#reload(`generation ${generation} starts`)
  }

  /** The current restart serves this request too, unless another one follows, which has notices of its own. */
  #onMerged({ generation, follows }: LifecycleEvents['restart:merged'][0]): void {
    if (!follows) this.#repeat(`generation ${generation} starts`)
  }

  #onWarning({ error }: LifecycleEvents['warning'][0]): void {
    if (error.code === 'ERR_ZERODROP_RESTART_IN_PROGRESS') this.#repeat('another restart is refused')
  }

  /**
   * After a reload signal, systemd waits for a RELOADING=1 that is newer than the signal. The one of the current
   * restart may be older, or may not have arrived before systemd sent the signal:
   * https://github.com/systemd/systemd/blob/v253/src/core/service.c (service_notify_message)
   */
  #repeat(what: string): void {
    if (this.#reloading && this.#context.servingRole.held) this.#reload(what)
  }

  #reload(what: string): void {
    this.#reloading = true
    this.#manager.tell({
      RELOADING: '1',
      MONOTONIC_USEC: this.#manager.monotonic(),
      STATUS: `${this.#serves()}, ${what}`,
    })
  }

  /**
   * Tells systemd the successor's pid while this process is alive: otherwise the service would end with this
   * process.
   */
  #onHandOver({ pid }: LifecycleEvents['restart:handing-over'][0]): void {
    const { keeper, pidKeeping } = this.#context.system
    if (keeper?.connected === true || pidKeeping.begun) return
    this.#pidMoves = true
    this.#manager.tell({ MAINPID: String(pid) })
  }

  #onFailed({ error }: LifecycleEvents['restart:failed'][0]): void {
    const { servingRole, state } = this.#context
    if (!servingRole.held || state.current === 'draining') return
    // Under notify-reload, systemd would wait for this notice, and ignore an earlier READY=1 as the end of
    // the reload:
    // https://github.com/systemd/systemd/blob/v253/src/core/service.c (service_notify_message)
    if (!this.#reloading) this.#reload('a restart is refused')
    this.#reloading = false
    const why = `the last restart failed: ${error.code}: ${error.message}`
    this.#manager.tell({ READY: '1', STATUS: `${this.#serves()}; ${why}` })
  }

  #onDrain({ reason }: LifecycleEvents['drain:start'][0]): void {
    if (!this.#isService) return
    this.#manager.tell({ STOPPING: '1', STATUS: `draining: ${reason}`, ...moreTime })
    this.#extend()
  }

  /** If the event loop hangs, this timer does not fire, and the service gets no more time. */
  #extend(): void {
    this.#context.system.setIdleTimeout(() => {
      // The drain is over: only the application's work continues, within systemd's own limit.
      if (this.#context.state.current === 'closed') return
      this.#manager.tell({ STATUS: describeProgress(this.#context), ...moreTime })
      this.#extend()
    }, extensionInterval)
  }

  /** Not a successor that its predecessor dismisses. */
  get #isService(): boolean {
    const { servingRole, system } = this.#context
    return servingRole.held || system.predecessor === undefined
  }

  #serves(): string {
    const { servers } = this.#context
    const addresses = servers.drainable.flatMap(({ address }) => address ?? [])
    const more = addresses.length > mostNamed ? ` and ${addresses.length - mostNamed} more` : ''
    const where = addresses.length === 0 ? '' : ` on ${addresses.slice(0, mostNamed).join(', ')}${more}`
    return `generation ${this.#generation} serves${where}`
  }
}

function notifyFailed(reason: string): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_NOTIFY_FAILED',
    `NOTIFY_SOCKET is set, and this service could not notify systemd: ${reason}. Install the program systemd-notify, ` +
      'or set Type=exec in the unit. The service itself goes on.',
  )
}
