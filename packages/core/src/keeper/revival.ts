import type { Release } from '../system/system.ts'

/** How a crashed application went on: a generation took charge, or it crashed again. */
export type Outcome = { readonly pid: number } | { readonly crash: string; readonly stderr: string }

/** The answer to a request through the control socket. */
export interface Reply {
  readonly result?: unknown
  readonly error?: unknown
}

/** An application that has crashed, as its keeper sees it. */
export interface Crashed {
  /** Whether it waits for its next start; false while a generation starts. */
  readonly waits: boolean
  /** Ends that wait. */
  startNow(): void
  /** Resolves with what happens next; undefined if the caller gives up before. */
  outcome(abort: AbortSignal | undefined): Promise<Outcome | undefined>
  ask(what: 'restart' | 'status'): Promise<Reply>
  setTimeout(callback: () => void, milliseconds: number): Release
  now(): number
}

/** How often to ask a generation that has taken charge whether it is ready, in milliseconds. */
const interval = 100

/**
 * Starts a crashed application at once, and waits until it is ready.
 * @param abort the program that has requested it no longer waits
 */
export async function revive(crashed: Crashed, abort: AbortSignal | undefined): Promise<Reply> {
  const begun = crashed.now()
  // A generation that is starting may have read older code.
  if (!crashed.waits && isServing(await crashed.outcome(abort))) return crashed.ask('restart')
  const next = crashed.outcome(abort)
  crashed.startNow()
  const outcome = await next
  if (outcome === undefined || 'crash' in outcome) return failed(outcome)
  for (;;) {
    const { pid, ready, generation } = await statusOf(crashed)
    if (pid !== outcome.pid) return failed(ended)
    const milliseconds = crashed.now() - begun
    if (ready === true)
      return { result: { generation, pid, milliseconds, migrated: 0, cut: [], respawned: true } }
    if (abort?.aborted === true) return failed(undefined)
    await new Promise<void>((resolve) => crashed.setTimeout(resolve, interval))
  }
}

const ended = { crash: 'The application ended before it was ready; see what it printed.', stderr: '' }

interface SomeStatus {
  readonly pid?: unknown
  readonly ready?: unknown
  readonly generation?: unknown
}

/** Empty if the generation ends instead of answering. */
async function statusOf(crashed: Crashed): Promise<SomeStatus> {
  try {
    return ((await crashed.ask('status')).result ?? {}) as SomeStatus
  } catch {
    return {}
  }
}

function isServing(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && 'pid' in outcome
}

function failed(outcome: { readonly crash: string; readonly stderr: string } | undefined): Reply {
  const { crash: message, stderr } = outcome ?? { crash: 'The restart has no outcome yet.', stderr: '' }
  return { error: { code: 'ERR_ZERODROP_SUCCESSOR_EXITED', message, stderr } }
}
