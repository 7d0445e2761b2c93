export type { ConnectionCounts } from './connections/count.ts'
export type { DrainingPolicy, DrainingVerdict, Refusal } from './drain/refusal.ts'
export { type ErrorCode, errorCodes, ZerodropError } from './errors/zerodrop-error.ts'
export type { WebSocketLike, WebSocketServerLike } from './connections/web-socket.ts'
export type {
  ConnectionState,
  CutConnection,
  DrainResult,
  MovedCounts,
  StayedConnection,
  StayReason,
} from './events/drain-report.ts'
export type { SocketNames } from './listeners/activated.ts'
export type { Handover } from './handover/live/handover.ts'
export type { OpeningRequest, StreamsOptions, WebSocketsOptions } from './handover/live/options.ts'
export { type LifecycleEvents, lifecycleEvents } from './events/events.ts'
export type { Health } from './health/health.ts'
export type { HealthCheck, HealthCheckOptions, HealthOptions } from './health/options.ts'
export type { HealthAnswer } from './health/probes.ts'
export type { ShutdownResult } from './lifecycle/ending.ts'
export type { DrainRecord, RestartRecord } from './lifecycle/history.ts'
export type { HookInfo, HookOptions, RestartInfo } from './lifecycle/hooks.ts'
export type { Adapter } from './lifecycle/adapter.ts'
export type { Lifecycle } from './lifecycle/lifecycle.ts'
export type { AttachOptions } from './lifecycle/attach.ts'
export type { Logger } from './events/logger.ts'
export type {
  KeeperDeathAction,
  LifecycleOptions,
  MigrationPolicy,
  RestartConcurrency,
  SuccessorEnvironment,
} from './options/options.ts'
export { adapter, lifecycle } from './lifecycle/process-lifecycle.ts'
export type { RestartResult } from './lifecycle/restart-result.ts'
export type { WaitingRestart } from './lifecycle/restarts.ts'
export type { State } from './lifecycle/state.ts'
export type { DrainStatus, ListenerStatus, Status } from './lifecycle/status.ts'
export type { SignalOptions } from './options/signal-options.ts'
export type { SignalPreset } from './signals/presets.ts'
export {
  ignore,
  ignored,
  notify,
  notifyContext,
  type NotifyOptions,
  reset,
} from './signals/process-signals.ts'
export type { SignalAction, SignalFunction, SignalReaction } from './signals/signal-actions.ts'
export type { SignalChannel } from './signals/signal-channel.ts'
export type { SignalContext, SignalReceived } from './signals/signal-context.ts'
