import type { Server } from 'node:net'
import { show } from '../errors/reason.ts'
import type { CheckKind } from '../health/self-socket.ts'
import { requestSelf } from '../health/self-request.ts'
import type { Settings } from '../options/options.ts'
import type { System } from '../system/system.ts'
import { pause, within } from '../system/within.ts'

type Options = Pick<Settings, 'readyCheck' | 'warmUp' | 'readyTimeout'>

/** What a check asks, and who hears of it. */
export interface SelfCheckObserver {
  /** The server of the application that is asked; undefined if none of them speaks HTTP. */
  readonly server: () => Server | undefined
  /** Called when it is not ready for another reason than before. */
  readonly onNotReady: (reason: string) => void
  /** Called once if warm-up requests have failed. */
  readonly onWarmUpFailed: (text: string) => void
}

/** Milliseconds from one question to the next: each time twice as long, up to the second. */
const firstPause = 50
const longestPause = 1000

/** Milliseconds until a single request is given up. */
const answerTimeout = 10_000

/** How many warm-up requests are under way at a time, so that pools are filled. */
const together = 10

/** Finds out whether this process answers, and warms it up, before anybody is told that it is ready. */
export class SelfCheck {
  readonly #system: System
  readonly #observer: SelfCheckObserver
  #running: AbortController | undefined
  #reason: string | undefined

  constructor(system: System, observer: SelfCheckObserver) {
    this.#system = system
    this.#observer = observer
  }

  /** Why the process is not ready, as far as it was asked. */
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
    const paths = pathsOf(readyCheck, warmUp)
    if (!abort.aborted && paths.length > 0) {
      this.#notReady('warm-up requests are under way')
      await this.#warmUp(paths, readyTimeout / 4, abort)
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
      const asked = Promise.resolve(readyCheck())
      const end = (): false => false
      const limits = { timeout: Infinity, onTimeout: end, abort, onAbort: end }
      return (await within(this.#system, asked, limits)) ? undefined : `${what} did not return true`
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

  /** Its failures change nothing: whatever time it takes, the process is ready after it. */
  async #warmUp(paths: readonly string[], timeout: number, abort: AbortSignal): Promise<void> {
    const late = new AbortController()
    const stopWaiting = this.#system.setTimeout(
      () => late.abort(new Error('it was given up, since it took too long')),
      Math.min(timeout, answerTimeout),
    )
    const either = AbortSignal.any([abort, late.signal])
    const left = [...paths]
    const failures: string[] = []
    const work = async (): Promise<void> => {
      for (let path = left.shift(); path !== undefined; path = left.shift()) {
        const failure = await this.#request(path, 'warm-up', either)
        if (failure !== undefined) failures.push(failure)
      }
    }
    await Promise.all(Array.from({ length: together }, work))
    stopWaiting()
    if (failures.length === 0 || abort.aborted) return
    this.#observer.onWarmUpFailed(
      `${failures.length} of ${paths.length} warm-up requests failed, the first of them: ${failures[0]}`,
    )
  }

  #notReady(reason: string): void {
    if (reason === this.#reason) return
    this.#reason = reason
    this.#observer.onNotReady(reason)
  }
}

/** Whether the options ask for a check. */
export function isWanted({ readyCheck, warmUp }: Pick<Options, 'readyCheck' | 'warmUp'>): boolean {
  return readyCheck !== undefined || pathsOf(readyCheck, warmUp).length > 0
}

function pathsOf(readyCheck: Options['readyCheck'], warmUp: Options['warmUp']): readonly string[] {
  if (typeof warmUp !== 'number') return warmUp
  return Array.from({ length: warmUp }, () => (typeof readyCheck === 'string' ? readyCheck : '/'))
}
