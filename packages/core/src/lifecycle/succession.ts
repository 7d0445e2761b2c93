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
  /** What the TLS servers are given before they serve; undefined if the predecessor has none. */
  readonly ticketKeys: InheritedTicketKeys | undefined
  /** Milliseconds until this process has to be ready if it loses its predecessor before that. */
  readonly readyTimeout: number
  /** Why this process is not ready, as far as it has asked itself. */
  readonly notReady: () => string | undefined
  /** The predecessor was asked for another restart while it made this one. */
  readonly onRestart: () => void
  /** The predecessor goes on, or ends, without this process. */
  readonly onDismissed: () => void
}

/** How this process comes to be the one that serves: at once as the first generation, otherwise when its predecessor lets it. */
export class Succession {
  readonly #context: Context
  readonly #options: SuccessionOptions
  #ready = false
  #warned = false
  #predecessorEnded = false
  #saidNotHeld = false
  #predecessor: Predecessor | undefined
  /** Ends the watch over a predecessor that may hang. */
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

  /** The process listens and serves, or the application has said so. It happens once. */
  becomeReady(): void {
    if (this.#ready) return
    this.#ready = true
    const { hooks, settings, system } = this.#context
    const { restartConcurrency, signals } = settings
    // The predecessor has heard of it too, unless it has died.
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

  /** An inherited socket accepts already, because Node does not let it be held. */
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

  /** Whoever connects would wait for a process that accepts nothing. It may come back, and hands over then. */
  #onSilent(predecessor: Predecessor): void {
    const { reporter, state } = this.#context
    if (state.current === 'draining' || state.current === 'closed') return
    const text =
      `The predecessor (pid ${predecessor.pid}) said nothing for ${hangTime} ms before it handed over. This process serves in its place. ` +
      'The connections of the predecessor wait for it: if it does not come back, end it with SIGKILL.'
    reporter.warn(new ZerodropError('ERR_ZERODROP_PREDECESSOR_HUNG', text))
    // If it comes back and does not want this process, it must ask it to stop and not kill it.
    predecessor.sendAccepts()
    this.#takeOver()
  }

  /** Takes new connections from now on, and what it inherited and does not listen on is closed. */
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
    // Not before: the predecessor was still reached by these.
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
    // It has handed over, or it has died: there is nobody else.
    if (this.#ready) return this.#takeOver()
    this.#accept()
    this.#context.system.setTimeout(() => this.#giveUp(), this.#options.readyTimeout)
  }

  /** Holds the sockets, and does not serve: whoever connects would wait forever. */
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
