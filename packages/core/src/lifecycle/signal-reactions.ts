import { reasonOf } from '../errors/reason.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { exitStatus, isHeld, type SignalAction, type SignalFunction } from '../signals/signal-actions.ts'
import { watchSignals } from '../signals/signal-watch.ts'
import type { Release } from '../system/system.ts'
import type { Openings } from '../listeners/openings.ts'
import type { Configuration } from './configuration.ts'
import type { Context } from './context.ts'
import type { Ending } from './ending.ts'
import type { ExitWatch } from './exit-watch.ts'
import type { Settings } from '../options/options.ts'
import { RepeatedStops } from './repeated-stops.ts'
import type { Restarts } from './restarts.ts'

/** The parts that a signal acts on. */
export interface SignalParts {
  readonly configuration: Configuration
  readonly openings: Openings
  readonly ending: Ending
  readonly restarts: Restarts
  readonly exitWatch: ExitWatch
  /** Writes the status for the operator. */
  readonly dumpStatus: () => void
}

/** Performs the action of a signal, which depends on the state of the process. */
export class SignalReactions {
  readonly #context: Context
  readonly #configuration: Configuration
  readonly #openings: Openings
  readonly #ending: Ending
  readonly #restarts: Restarts
  readonly #exitWatch: ExitWatch
  readonly #dumpStatus: () => void
  readonly #repeatedStops: RepeatedStops
  #releases: Release[] = []
  #stops = 0
  #leftToOthers = false

  constructor(
    context: Context,
    { configuration, openings, ending, restarts, exitWatch, dumpStatus }: SignalParts,
  ) {
    this.#context = context
    this.#configuration = configuration
    this.#openings = openings
    this.#ending = ending
    this.#restarts = restarts
    this.#exitWatch = exitWatch
    this.#dumpStatus = dumpStatus
    this.#repeatedStops = new RepeatedStops(context.system, context.reporter)
  }

  /**
   * Handles signals from before the first server is bound, because its port accepts at once, until the last has closed, and
   * through a drain to the exit. Call it whenever one of these may have changed.
   */
  update(): void {
    const { state, system, workers } = this.#context
    const wanted =
      this.#configuration.configured &&
      (state.current !== 'starting' || workers.size > 0 || this.#openings.size > 0) &&
      // Also while the last hooks run: a signal must not end what zerodrop is about to end.
      (state.current !== 'closed' || this.#ending.exits) &&
      system.incapacity !== 'worker-thread'
    if (wanted) this.watch()
    else this.release()
  }

  /** Begins to handle the signals of the table, and the messages that a supervisor sends instead. */
  watch(): void {
    if (this.#releases.length > 0 || this.#leftToOthers) return
    const { settings, system } = this.#context
    const { reactions } = settings.signals
    const signals = (Object.keys(reactions) as NodeJS.Signals[]).filter((signal) => !this.#isNodes(signal))
    this.#releases = [
      watchSignals(
        system,
        signals,
        (signal) => this.react(signal),
        (signal) => isHeld(reactions[signal] ?? {}),
      ),
    ]
    const { supervisor } = system
    if (supervisor !== undefined)
      this.#releases.push(supervisor.onShutdown(() => this.#stop('SIGTERM', "pm2's message 'shutdown'")))
  }

  release(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  react(signal: NodeJS.Signals): void {
    if (this.#isNodes(signal)) {
      // The program has given the signal to Node since it was watched: Node's own handler has not run for it.
      for (const handler of this.#context.system.unheard(signal)) handler.call()
      this.release()
      this.watch()
      return
    }
    if (signal === 'SIGHUP' && this.#isOfPredecessor()) return
    const { action = 'ignore', before, after } = this.#context.settings.signals.reactions[signal] ?? {}
    if (before !== undefined) this.#call(before, signal)
    this.#act(action, signal)
    if (after !== undefined) this.#call(after, signal)
  }

  /** Whether the kernel has sent it because the predecessor, which led the terminal's session, has ended. */
  #isOfPredecessor(): boolean {
    const { reporter, system } = this.#context
    if (system.hungUp || !system.takeHangUp()) return false
    reporter.write(
      "the kernel sent SIGHUP at the predecessor's end, because it led the terminal's session: that is no restart",
    )
    return true
  }

  /** Whether Node writes a report or a heap snapshot at this signal, and the application does not name it. */
  #isNodes(signal: NodeJS.Signals): boolean {
    const { settings, system } = this.#context
    return settings.signals.named?.includes(signal) !== true && system.signalsOfNode().includes(signal)
  }

  #act(action: SignalAction, signal: NodeJS.Signals): void {
    if (typeof action === 'function') this.#call(action, signal)
    else if (action === 'shutdown') this.#stop(signal)
    else if (action === 'force') this.#force(signal)
    else if (action === 'status') this.#dumpStatus()
    else if (action === 'restart' && (this.#isHangUp(signal) || this.#isNodemons())) this.#stopOnce(signal)
    else if (action === 'restart') this.#restarts.askBySignal()
  }

  /** Whether the terminal (on Windows, the console) is gone: then SIGHUP means stop, not restart. */
  #isHangUp(signal: NodeJS.Signals): boolean {
    const { hungUp, incapacity } = this.#context.system
    return signal === 'SIGHUP' && (hungUp || incapacity === 'platform')
  }

  /** Whether nodemon asks the process to end: it uses the signal that restarts elsewhere. */
  #isNodemons(): boolean {
    return this.#context.system.incapacity === 'nodemon'
  }

  /**
   * The kernel and the shell each send a signal, and nodemon sends two, so a second one is not a second
   * request.
   */
  #stopOnce(signal: NodeJS.Signals): void {
    if (this.#stops === 0) this.#stop(signal)
  }

  #stop(signal: NodeJS.Signals, reason: string = signal): void {
    const { settings, state } = this.#context
    if (this.#stops > 0 && this.#repeatedStops.isRepeated(signal)) return
    this.#stops++
    this.#restarts.passOnStop(signal)
    if (this.#stops === 1) {
      this.#repeatedStops.begin(signal, () => {
        if (settings.signals.secondStop === 'default') this.#leaveToOthers()
      })
      // A message is not a signal, and its listeners have run already.
      const heard = reason === signal ? signal : undefined
      void this.#ending.shutdownAndExit(reason, this.#isInstant(signal) ? hasty(settings) : settings, heard)
      return
    }
    if (settings.signals.secondStop === 'ignore') return
    const draining = state.current === 'draining' || state.current === 'handing-over'
    if (this.#stops === 2 && draining && this.#ending.canForce) this.#ending.force(exitStatus(signal))
    else {
      this.#exitWatch.expect(signal)
      this.#ending.abandon(exitStatus(signal))
    }
  }

  /** A person at a terminal, or a file watcher, waits for the end and is the only client. */
  #isInstant(signal: NodeJS.Signals): boolean {
    const { interactive, watched } = this.#context.system
    return watched || (signal === 'SIGINT' && interactive) || this.#isHangUp(signal)
  }

  #leaveToOthers(): void {
    this.#leftToOthers = true
    this.release()
  }

  #force(signal: NodeJS.Signals): void {
    const { settings, state } = this.#context
    const leaving = state.current === 'draining' || state.current === 'handing-over'
    if (!leaving && settings.signals.forcesOnlyDrains) return
    if (!leaving) void this.#ending.shutdownAndExit(signal, hasty(settings), signal)
    // With a kept pid, the signal was meant for the service.
    else if (!settings.signals.forcesOnlyDrains) this.#restarts.passOnStop(signal)
    this.#ending.force(exitStatus(signal))
  }

  /** Calls a function of the application, which must not end what the process is doing. */
  #call(act: SignalFunction, signal: NodeJS.Signals): void {
    const run = async (): Promise<unknown> => act(signal)
    run().catch((cause: unknown) => {
      const text = `What the application does at ${signal} failed, and the process went on: ${reasonOf(cause)}`
      this.#context.reporter.warn(new ZerodropError('ERR_ZERODROP_SIGNAL_FUNCTION_FAILED', text, { cause }))
    })
  }
}

/** The settings without the waits for clients that may return. */
function hasty(settings: Settings): Settings {
  return { ...settings, lingerTimeout: 0, closeSpread: 0, drainDelay: 0 }
}
