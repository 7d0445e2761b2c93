import type { Release, System } from '../system/system.ts'
import type { Predecessor } from './predecessor.ts'
import { interval, mostUnanswered } from './sign-of-life.ts'

/**
 * Calls back once when the predecessor has sent no question for nine seconds: from `ready` on it asks once a
 * second whether this process is alive, so its event loop is blocked, or it is stopped. This counts ticks of
 * its own timer instead of time, as `SignOfLife` does.
 */
export function whenSilent(system: System, predecessor: Predecessor, callback: () => void): Release {
  let silent = 0
  let stopWaiting: Release = () => {}
  const ignore = predecessor.on('ask', () => {
    silent = 0
  })
  const release = (): void => {
    ignore()
    stopWaiting()
  }
  const wait = (): void => {
    stopWaiting = system.setTimeout(() => {
      if (++silent < mostUnanswered) return wait()
      release()
      callback()
    }, interval)
  }
  wait()
  return release
}
