import { exitStatus, type SignalAction } from '../signals/signal-actions.ts'
import type { Context } from './context.ts'
import type { Ending } from './ending.ts'
import type { Restarts } from './restarts.ts'

/** What a signal does, which depends on where the process is in its life. */
export class SignalReactions {
  readonly #context: Context
  readonly #ending: Ending
  readonly #restarts: Restarts
  #stops = 0

  constructor(context: Context, ending: Ending, restarts: Restarts) {
    this.#context = context
    this.#ending = ending
    this.#restarts = restarts
  }

  react(action: SignalAction, signal: NodeJS.Signals): void {
    if (action === 'shutdown') this.#stop(signal)
    else if (action === 'restart') this.#restart()
  }

  #stop(signal: NodeJS.Signals): void {
    const { settings, state, system } = this.#context
    this.#stops++
    if (this.#stops === 1) {
      // A person at a terminal waits for the prompt, and is the only client.
      const instant = signal === 'SIGINT' && system.interactive
      const hasty = { ...settings, lingerTimeout: 0, closeSpread: 0, drainDelay: 0 }
      void this.#ending.shutdownAndExit(signal, instant ? hasty : settings)
      return
    }
    const draining = state.current === 'draining' || state.current === 'handing-over'
    if (this.#stops === 2 && draining && this.#ending.canHammer) this.#ending.hammer(exitStatus(signal))
    else this.#ending.abandon(exitStatus(signal))
  }

  #restart(): void {
    const { current } = this.#context.state
    // On the way out: there is nothing left to restart.
    if (current === 'draining' || current === 'closed') return
    // Reported by 'restart:failed' already.
    this.#restarts.restart().catch(() => {})
  }
}
