import type { Findings, RouteName, Settings } from '../settings.ts'
import type { Stage } from '../stage.ts'
import type { CureName } from '../cures.ts'
import type { FaultKind } from '../verdict.ts'

/** Something that clients do while the server stops or restarts. */
export interface Situation {
  /** The name for `--only`. */
  readonly name: string
  readonly title: string
  /** What the clients do. */
  readonly does: string
  /** What the server has to do. */
  readonly judges: string
  readonly at: readonly ('stop' | 'restart')[]
  /** The routes that it requires. */
  readonly needs?: readonly RouteName[]
  /** Returns why the situation cannot be judged on this server, if so. */
  readonly skip?: (settings: Settings, findings: Findings) => string | undefined
  /** The server has to cut a connection, and its exit status may report that. */
  readonly cuts?: boolean
  /** Whether a request has to be in flight at the event; otherwise the run is skipped. */
  readonly spansEvent?: boolean
  /** An event that differs from the usual one. */
  readonly event?: 'early' | 'broken' | 'twice'
  /** The cures for faults to which the usual cure does not apply. */
  readonly cures?: Partial<Record<FaultKind, CureName>>
  act(stage: Stage): Promise<void>
}

/** For `skip`: the situation needs a server that keeps connections alive. */
export function withoutKeepAlive(_settings: Settings, { keepsAlive }: Findings): string | undefined {
  return keepsAlive ? undefined : 'the server keeps no connection open between requests'
}

/** Thrown by a situation that cannot be judged after all. */
export class NothingToJudge extends Error {}
