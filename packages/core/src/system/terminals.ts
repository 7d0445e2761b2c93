import type { EventEmitter } from 'node:events'
import { isatty } from 'node:tty'

/** The terminals among stdin, stdout and stderr at the time of creation. */
export class Terminals {
  readonly #descriptors = [0, 1, 2].filter((descriptor) => isatty(descriptor))

  /** Whether one of them has been closed. */
  get hungUp(): boolean {
    return this.#descriptors.some((descriptor) => !isatty(descriptor))
  }

  /**
   * Lets `process.exit()` end the process although a terminal is gone. Before 24.1, Node restores the modes
   * of terminals as it ends, and aborts if that fails (https://github.com/nodejs/node/pull/58200). There the
   * process ends itself with SIGHUP, as a closed terminal ends any program.
   */
  prepareExit(): void {
    if (!this.hungUp || Number(/^\d+/.exec(process.versions.node)?.[0]) >= 24) return
    process.on('exit', () => {
      // The listeners that add removed handlers again, such as our signal gates, but not the one that tells
      // the kernel, which is Node's
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
