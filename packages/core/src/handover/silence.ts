import type { Release, System } from '../system/system.ts'
import type { Predecessor } from './predecessor.ts'
import { interval, mostUnanswered } from './sign-of-life.ts'

/**
 * Calls back once when a predecessor, which asks once a second from `ready` on whether this process lives, has asked nothing
 * for nine seconds: its event loop is blocked, or it is stopped. The turns of the own timer are counted and not the time, as
 * in `SignOfLife`.
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
