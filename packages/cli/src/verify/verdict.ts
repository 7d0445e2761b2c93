import { constants } from 'node:os'
import type { Entry } from './ledger.ts'
import { losses } from './outcome.ts'
import type { Loss } from './outcome.ts'
import type { Exit } from './server/running.ts'

/**
 * Why a run failed: a loss, or the way the server ended.
 * - `running`: the server was still running at the limit
 * - `status`: the server ended with an error status, although nothing had to be cut
 * - `left-behind`: the process that received the signal ended, but other processes of the server did not
 * - `not-deployed`: no new process serves after a restart
 * - `old-stays`: the old process was still running at the limit
 * - `old-gone`: the old process is gone, although the new version could not start
 */
export type FaultKind =
  | Loss
  | 'running'
  | 'status'
  | 'left-behind'
  | 'not-deployed'
  | 'old-stays'
  | 'old-gone'

export interface Fault {
  readonly kind: FaultKind
  /** What the clients saw, as the end of a sentence. */
  readonly saw: string
  /** Whether the clients saw it before the event, which therefore did not cause it. */
  readonly early?: boolean
}

/** How the process that received the signal ended. */
export interface Ending {
  readonly status: number | null | undefined
  readonly signal: NodeJS.Signals | null
  /** In milliseconds after the signal. */
  readonly after: number
}

const lossWords: Record<Loss, string> = {
  hung: 'waited in vain for a response',
  cut: 'received only the beginning of a response',
  reset: 'had their connection reset before the response',
  lost: 'had their connection closed without a response',
  failed: 'received an error',
  down: 'got no connection',
}

const webSocketWords = { ...lossWords, cut: 'had their WebSocket closed without a close frame' }

/** The faults that the clients saw, worst first. */
export function lossFaults(entries: readonly Entry[]): Fault[] {
  const clients = new Set(entries.map(({ client }) => client))
  return losses.flatMap((kind): Fault[] => {
    const lost = entries.filter(({ outcome }) => outcome === kind)
    if (lost.length === 0) return []
    const who = new Set(lost.map(({ client }) => client)).size
    const detail = lost.find((entry) => entry.detail !== undefined)?.detail
    const early = lost.every(({ to }) => to < 0)
    const words = lost.every(({ what }) => what.startsWith('WebSocket ')) ? webSocketWords : lossWords
    const saw = `${who} of ${clients.size} clients ${words[kind]}${early ? ', before the event' : ''}${detail === undefined ? '' : ` (${detail})`}`
    return [{ kind, saw, ...(early && { early }) }]
  })
}

export function endingOf(exit: Exit, eventAt: number): Ending {
  return { status: exit.status, signal: exit.signal, after: Math.max(0, Math.round(exit.at - eventAt)) }
}

/** Whether the signal ended the server, or the server exited with the status that stands for the signal. */
export function isOwnSignal(
  { status, signal }: Pick<Ending, 'status' | 'signal'>,
  sent: NodeJS.Signals,
): boolean {
  return signal === sent || status === 128 + constants.signals[sent]
}

export function endingInWords(ending: Ending | undefined, sent: NodeJS.Signals): string {
  if (ending === undefined) return 'still running'
  const { status, signal } = ending
  if (status === undefined) return 'ended'
  if (isOwnSignal(ending, sent))
    return signal === null ? `exit ${status} (${sent})` : `${sent} (${128 + constants.signals[sent]})`
  return signal ?? `exit ${status}${standsFor(status)}`
}

/** A shell and Docker report a process that a signal has ended with 128 and its number. */
function standsFor(status: number | null): string {
  const [name] = Object.entries(constants.signals).find(([, number]) => status === 128 + Number(number)) ?? []
  return name === undefined ? '' : ` (${name})`
}
