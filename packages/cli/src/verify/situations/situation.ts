import type { Findings, RouteName, Settings } from '../settings.ts'
import type { Stage } from '../stage.ts'
import type { CureName } from '../cures.ts'
import type { FaultKind } from '../verdict.ts'

/** One thing that clients do while a server is told to stop or to restart. */
export interface Situation {
  /** For `--only`. */
  readonly name: string
  readonly title: string
  /** What its clients do. */
  readonly does: string
  /** What has to hold. */
  readonly judges: string
  readonly at: readonly ('stop' | 'restart')[]
  /** Routes that it cannot do without. */
  readonly needs?: readonly RouteName[]
  /** Why it cannot be judged here. */
  readonly skip?: (settings: Settings, findings: Findings) => string | undefined
  /** It cannot share a server with others, because it stops the process for a moment or signals it more than once. */
  readonly alone?: boolean
  /** The server has to cut something, so its exit status may tell of that. */
  readonly cuts?: boolean
  /** What a request has to be, to say anything: still unanswered when the event happens. */
  readonly spansEvent?: boolean
  /** The event is something else than the usual. */
  readonly event?: 'early' | 'broken' | 'twice'
  /** Where the usual cure of a fault does not fit. */
  readonly cures?: Partial<Record<FaultKind, CureName>>
  act(stage: Stage): Promise<void>
}

/** For `skip`. Where a connection takes one request, nothing can be sent on one that is kept. */
export function withoutKeepAlive(_settings: Settings, { keepsAlive }: Findings): string | undefined {
  return keepsAlive ? undefined : 'the server keeps no connection open between requests'
}

/** What a situation throws that turns out to say nothing. */
export class NothingToJudge extends Error {}
