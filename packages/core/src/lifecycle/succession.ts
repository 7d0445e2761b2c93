import { Attempts } from '../errors/attempts.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Predecessor } from '../handover/predecessor.ts'
import type { Body } from '../handover/protocol.ts'
import { hangTime } from '../handover/sign-of-life.ts'
import { whenSilent } from '../handover/silence.ts'
import type { InheritedTicketKeys } from '../handover/ticket-keys.ts'
import type { Address } from '../listeners/address.ts'
import { removeSocketFile, type SocketFile } from '../listeners/unix-path.ts'
import { listeningHandle } from '../system/node-internals.ts'
import type { Release } from '../system/system.ts'
import type { Context } from './context.ts'

export interface SuccessionOptions {
  readonly generation: number
  /** The ticket keys for the TLS servers; undefined if the predecessor has none. */
  readonly ticketKeys: InheritedTicketKeys | undefined
  /** Milliseconds until this process has to be ready if it loses its predecessor before that. */
  readonly readyTimeout: number
  /** Why this process is not ready, according to its self-check. */
  readonly notReady: () => string | undefined
  /** The predecessor got another restart request during this restart. */
  readonly onRestart: () => void
  /** The predecessor continues, or ends, without this process. */
  readonly onDismissed: () => void
}

/**
 * Makes this process the serving one: at once as the first generation, otherwise when its predecessor hands
 * over.
 */
export class Succession {
  readonly #context: Context
  readonly #options: SuccessionOptions
  #ready = false
  #warned = false
  #predecessorEnded = false
  #saidNotHeld = false
  #predecessor: Predecessor | undefined
  /** Stops watching for a predecessor that hangs. */
  #stopWatching: Release = () => {}
  readonly #unwanted: SocketFile[] = []
  readonly #attempts: Attempts

  constructor(context: Context, options: SuccessionOptions) {
    this.#context = context
    this.#attempts = new Attempts((error) => context.reporter.warn(error))
    this.#options = options
    const { predecessor } = context
    this.#predecessor = predecessor
    if (predecessor === undefined) return
    predecessor.onUnreadable((error) => this.#warnOnce(error))
    predecessor.on('serve', () => this.#takeOver())
    predecessor.on('ended', (how) => this.#onEnded(how))
    predecessor.on('ask', ({ id }) => predecessor.sendAlive(id))
    predecessor.on('accept', () => this.#accept())
    predecessor.on('parent', ({ rest }) => context.system.parent?.read(rest))
    predecessor.on('restart', options.onRestart)
    predecessor.on('stop', () => {
      this.#stopWatching()
      options.onDismissed()
    })
    predecessor.onDisconnect(() => this.#onOrphaned())
    predecessor.sendStarted()
  }

  /** The process is ready. Happens once. */
  becomeReady(): void {
    if (this.#ready) return
    this.#ready = true
    const { hooks, settings, system } = this.#context
    const { restartConcurrency, signals } = settings
    // The predecessor knows this too, unless it has died.
    const asked = system.endBoot().some((signal) => signals.reactions[signal]?.action === 'restart')
    if (asked && restartConcurrency === 'newest') this.#options.onRestart()
    const predecessor = this.#predecessor
    if (predecessor === undefined) this.#takeOver()
    else this.#tellReady(predecessor)
    void hooks.run('onReady', { generation: this.#options.generation })
  }

  /** Whether that has happened. */
  get isReady(): boolean {
    return this.#ready
  }

  #warnOnce(error: ZerodropError): void {
    if (this.#warned) return
    this.#warned = true
    this.#context.reporter.warn(error)
  }

  /** An inherited socket accepts already, because Node does not let zerodrop hold it back. */
  onNotHeld(address: Address): void {
    if (this.#saidNotHeld || this.#predecessor === undefined) return
    this.#saidNotHeld = true
    this.#context.reporter.write(
      `this version of Node does not let ${address} wait until this process is ready: it accepts at once`,
      { address },
      'warn',
    )
    this.#predecessor.sendAccepts()
  }

  #tellReady(predecessor: Predecessor): void {
    for (const { server, bound } of this.#context.listeners.inheritable) {
      predecessor.sendSpare(bound, listeningHandle(server))
    }
    predecessor.sendReady()
    this.#stopWatching = whenSilent(this.#context.system, predecessor, () => this.#onSilent(predecessor))
  }

  /**
   * The predecessor hangs, so clients that connect would wait: this process accepts. The predecessor hands
   * over if it recovers.
   */
  #onSilent(predecessor: Predecessor): void {
    const { reporter, state } = this.#context
    if (state.current === 'draining' || state.current === 'closed') return
    const text =
      `The predecessor (pid ${predecessor.pid}) said nothing for ${hangTime} ms before it handed over. This process serves in its place. ` +
      'The connections of the predecessor wait for it: if it does not come back, end it with SIGKILL.'
    reporter.warn(new ZerodropError('ERR_ZERODROP_PREDECESSOR_HUNG', text))
    // If the predecessor recovers and rejects this process, it must ask it to stop instead of killing it.
    predecessor.sendAccepts()
    this.#takeOver()
  }

  /** Accepts connections from now on, and closes inherited sockets on which it does not listen. */
  #accept(): void {
    const { hold, listeners, reporter } = this.#context
    this.#options.ticketKeys?.dispose()
    hold.open()
    if (!this.#ready) return
    for (const { bound } of listeners.inherited.left)
      reporter.write(
        `nothing here listens on ${bound} any more, which was inherited: it is closed`,
        { address: bound },
        'warn',
      )
    this.#unwanted.push(...listeners.inherited.closeRest())
  }

  #takeOver(): void {
    const { hooks, servingRole } = this.#context
    if (servingRole.held) return
    this.#stopWatching()
    this.#accept()
    servingRole.take()
    // Not before: clients still reached the predecessor through these sockets.
    for (const { file, inode } of this.#unwanted.splice(0))
      this.#attempts.run('removing the file of a Unix socket', () => removeSocketFile(file, inode))
    const { predecessor } = this.#context
    const { generation } = this.#options
    if (predecessor === undefined) return
    void hooks.run('onRestart', { role: 'successor', generation, pid: predecessor.pid })
  }

  #onEnded({ pid, milliseconds, migrated, cut }: Body & { type: 'ended' }): void {
    this.#predecessorEnded = true
    this.#context.reporter.tell('predecessor:ended', { pid, milliseconds, migrated, cut })
  }

  #onOrphaned(): void {
    if (this.#isUnreachable) return this.#endUnreached()
    this.#predecessor = undefined
    this.#stopWatching()
    this.#context.system.parent?.read()
    const { current } = this.#context.state
    if (current === 'draining' || current === 'closed') return
    if (!this.#predecessorEnded)
      this.#context.reporter.tell('predecessor:died', {
        pid: this.#context.predecessor?.pid ?? 0,
        ready: this.#ready,
      })
    // The predecessor has handed over or has died, so no other process serves.
    if (this.#ready) return this.#takeOver()
    this.#accept()
    this.#context.system.setTimeout(() => this.#giveUp(), this.#options.readyTimeout)
  }

  /**
   * A keeper that died while it started this process may have taken the predecessor's end of the channel with it. The
   * predecessor lives, serves on, and does not know this process.
   */
  get #isUnreachable(): boolean {
    const { predecessor, system } = this.#context
    return predecessor !== undefined && !predecessor.heard && system.isRunning(predecessor.pid)
  }

  #endUnreached(): void {
    const { predecessor, reporter } = this.#context
    const text = `the predecessor (pid ${predecessor?.pid}) serves on and cannot reach this process, which therefore ends`
    reporter.write(text, { predecessor: predecessor?.pid }, 'warn')
    this.#stopWatching()
    this.#options.onDismissed()
  }

  /** This process holds the sockets but does not serve: clients that connect would wait forever. */
  #giveUp(): void {
    if (this.#ready) return
    const reason = this.#options.notReady()
    const { reporter, system } = this.#context
    reporter.warn(
      new ZerodropError(
        'ERR_ZERODROP_READY_TIMEOUT',
        `The predecessor has died, and this process was not ready within ${this.#options.readyTimeout} ms after that, so it ends. ` +
          (reason === undefined ? '' : `What it last found when it asked itself: ${reason}. `) +
          'Start the application again.',
      ),
    )
    system.exit(1)
  }
}
