import type { Release, System } from './system.ts'

/** Node fires a timer with a longer delay, in milliseconds, at once. */
const longestTimer = 2 ** 31 - 1

/** The timers of the process, for delays of any length. */
export const realTimers: Pick<System, 'setTimeout' | 'setIdleTimeout' | 'hold' | 'whenIdle'> = {
  setTimeout(callback, milliseconds) {
    if (milliseconds === Infinity) return () => {}
    let timer: NodeJS.Timeout
    const wait = (left: number): void => {
      const step = Math.min(left, longestTimer)
      // Calls the current global, so that fake timers apply.
      timer = setTimeout(() => (left > step ? wait(left - step) : callback()), step)
    }
    wait(milliseconds)
    return () => clearTimeout(timer)
  },
  setIdleTimeout(callback, milliseconds) {
    const timer = setTimeout(callback, milliseconds).unref()
    return () => clearTimeout(timer)
  },
  hold() {
    const timer = setInterval(() => {}, longestTimer)
    return () => clearInterval(timer)
  },
  whenIdle(callback, milliseconds): Release {
    // A parent that started this process with a channel, such as pm2, waits for its end and not for a
    // message.
    process.channel?.unref()
    const timer = milliseconds > longestTimer ? undefined : setTimeout(end, milliseconds, false).unref()
    const onIdle = (): void => end(true)
    process.once('beforeExit', onIdle)
    function release(): void {
      clearTimeout(timer)
      process.off('beforeExit', onIdle)
    }
    function end(idle: boolean): void {
      release()
      callback(idle)
    }
    return release
  },
}
