import type { Server } from 'node:net'
import { show } from '../errors/reason.ts'
import type { CheckKind } from '../health/self-socket.ts'
import { requestSelf } from '../health/self-request.ts'
import type { Settings } from '../options/options.ts'
import type { System } from '../system/system.ts'
import { pause, within } from '../system/within.ts'

type Options = Pick<Settings, 'readyCheck' | 'warmUp' | 'readyTimeout'>

/** The server that a check asks, and its callbacks. */
export interface SelfCheckObserver {
  /** The application's server to ask; undefined if none speaks HTTP. */
  readonly server: () => Server | undefined
  /** Called when the reason why the process is not ready changes. */
  readonly onNotReady: (reason: string) => void
  /** Called once if warm-up requests have failed. */
  readonly onWarmUpFailed: (text: string) => void
}

/** Milliseconds between attempts: the delay doubles from the first value up to the second. */
const firstPause = 50
const longestPause = 1000

/** Milliseconds until a single request is given up. */
const answerTimeout = 10_000

/** How many warm-up requests run at a time, so that pools are filled. */
const together = 10

/** How many warm-up requests the process sends, and the path of each. */
interface WarmUp {
  readonly count: number
  readonly path: (index: number) => string
}

/** Checks that this process answers, and warms it up, before it counts as ready. */
export class SelfCheck {
  readonly #system: System
  readonly #observer: SelfCheckObserver
  #running: AbortController | undefined
  #reason: string | undefined

  constructor(system: System, observer: SelfCheckObserver) {
    this.#system = system
    this.#observer = observer
  }

  /** Why the process is not ready, according to the last attempt. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Calls back when the process has answered and is warm; never if it is stopped first. Does nothing while it runs. */
  start(options: Options, onReady: () => void): void {
    if (this.#running !== undefined) return
    const running = new AbortController()
    this.#running = running
    void this.#run(options, running.signal).then((passed) => {
      if (this.#running === running) this.#running = undefined
      if (passed) onReady()
    })
  }

  stop(): void {
    this.#running?.abort(new Error('the process is no longer asked'))
    this.#running = undefined
    this.#reason = undefined
  }

  async #run({ readyCheck, warmUp, readyTimeout }: Options, abort: AbortSignal): Promise<boolean> {
    if (readyCheck !== undefined) await this.#answers(readyCheck, abort)
    const requests = warmUpOf(readyCheck, warmUp)
    if (!abort.aborted && requests.count > 0) {
      this.#notReady('warm-up requests are under way')
      await this.#warmUp(requests, readyTimeout / 4, abort)
    }
    return !abort.aborted
  }

  async #answers(readyCheck: NonNullable<Options['readyCheck']>, abort: AbortSignal): Promise<void> {
    const what = typeof readyCheck === 'string' ? `GET ${readyCheck}` : 'the function "readyCheck"'
    this.#notReady(`${what} has not answered yet`)
    for (
      let milliseconds = firstPause;
      !abort.aborted;
      milliseconds = Math.min(2 * milliseconds, longestPause)
    ) {
      const reason = await this.#ask(readyCheck, what, abort)
      if (reason === undefined || abort.aborted) return
      this.#notReady(reason)
      await pause(this.#system, milliseconds, abort)
    }
  }

  /** Returns why the process is not ready; undefined if it is. */
  async #ask(
    readyCheck: NonNullable<Options['readyCheck']>,
    what: string,
    abort: AbortSignal,
  ): Promise<string | undefined> {
    if (typeof readyCheck === 'string') return this.#request(readyCheck, 'ready', abort)
    try {
      const asked = Promise.resolve<unknown>(readyCheck())
      const end = (): false => false
      const limits = { timeout: Infinity, onTimeout: end, abort, onAbort: end }
      const result = await within(this.#system, asked, limits)
      // Only `true` passes: the response of a `fetch()` is an object, even with an error status.
      return result === true ? undefined : `${what} returned ${show(result)}, not true`
    } catch (cause) {
      return `${what} failed: ${cause instanceof Error ? cause.message : show(cause)}`
    }
  }

  async #request(path: string, kind: CheckKind, abort: AbortSignal): Promise<string | undefined> {
    const server = this.#observer.server()
    if (server === undefined) return `GET ${path} has no server: none of this process speaks HTTP`
    try {
      const status = await requestSelf(this.#system, server, { path, kind, timeout: answerTimeout, abort })
      return status < 500 ? undefined : `GET ${path} was answered with ${status}`
    } catch (error) {
      return `GET ${path} failed: ${(error as Error).message}`
    }
  }

  /**
   * Sends the warm-up requests. Failures change nothing: the process is ready afterwards. Each request
   * begins in its own event loop tick. They travel in memory, so otherwise no tick would end before the last
   * of them, and timers, signals and the clients of a first generation would wait.
   */
  async #warmUp({ count, path }: WarmUp, timeout: number, abort: AbortSignal): Promise<void> {
    const late = new AbortController()
    const stopWaiting = this.#system.setTimeout(
      () => late.abort(new Error('it was given up, since it took too long')),
      Math.min(timeout, answerTimeout),
    )
    const either = AbortSignal.any([abort, late.signal])
    const running = new Set<Promise<void>>()
    let failed = 0
    let failure: string | undefined
    let made = 0
    while (made < count && !either.aborted) {
      const request = this.#request(path(made++), 'warm-up', either).then((reason) => {
        running.delete(request)
        if (reason === undefined) return
        failed++
        failure ??= reason
      })
      running.add(request)
      await this.#turn()
      if (running.size >= together) await Promise.race(running)
    }
    await Promise.all(running)
    stopWaiting()
    failed += count - made
    if (failed === 0 || abort.aborted) return
    const first = failure ?? `GET ${path(made)} failed: it was given up, since the others took too long`
    this.#observer.onWarmUpFailed(
      `${failed} of ${count} warm-up requests failed, the first of them: ${first}`,
    )
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#system.setImmediate(resolve)
    })
  }

  #notReady(reason: string): void {
    if (reason === this.#reason) return
    this.#reason = reason
    this.#observer.onNotReady(reason)
  }
}

/** Whether the options ask for a check. */
export function isWanted({ readyCheck, warmUp }: Pick<Options, 'readyCheck' | 'warmUp'>): boolean {
  return readyCheck !== undefined || warmUpOf(readyCheck, warmUp).count > 0
}

function warmUpOf(readyCheck: Options['readyCheck'], warmUp: Options['warmUp']): WarmUp {
  if (typeof warmUp !== 'number') return { count: warmUp.length, path: (index) => warmUp[index] ?? '/' }
  return { count: warmUp, path: () => (typeof readyCheck === 'string' ? readyCheck : '/') }
}
