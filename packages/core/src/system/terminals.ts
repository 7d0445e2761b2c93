import type { EventEmitter } from 'node:events'
import { isatty } from 'node:tty'

/** The terminals among stdin, stdout and stderr as they were when this was made. */
export class Terminals {
  readonly #descriptors = [0, 1, 2].filter((descriptor) => isatty(descriptor))

  /** Whether one of them has been closed. */
  get hungUp(): boolean {
    return this.#descriptors.some((descriptor) => !isatty(descriptor))
  }

  /**
   * Lets `process.exit()` end the process although a terminal is gone. Node before 24.1 gives terminals their modes back
   * as it ends, and aborts if that fails (https://github.com/nodejs/node/pull/58200): there the process ends by SIGHUP,
   * as any program does whose terminal is closed.
   */
  prepareExit(): void {
    if (!this.hungUp || Number(/^\d+/.exec(process.versions.node)?.[0]) >= 24) return
    process.on('exit', () => {
      // What puts handlers back that are removed, as our signal gates do, but not what tells the kernel of it: that is Node's
      // (https://github.com/nodejs/node/blob/v20.19.0/lib/internal/process/signal.js).
      const emitter: EventEmitter = process
      for (const listener of emitter.listeners('removeListener'))
        if (listener.name !== 'stopListeningIfSignal')
          emitter.off('removeListener', listener as (...args: unknown[]) => void)
      process.removeAllListeners('SIGHUP')
      process.kill(process.pid, 'SIGHUP')
    })
  }
}
