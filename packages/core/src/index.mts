// The same instance as `require` gives: the lifecycle of a process exists once.
export type {
  AttachOptions,
  ConnectionState,
  CutConnection,
  DrainingPolicy,
  DrainingVerdict,
  DrainResult,
  ErrorCode,
  Health,
  Lifecycle,
  LifecycleEvents,
  LifecycleOptions,
  Refusal,
  RestartResult,
  ShutdownResult,
  SignalAction,
  State,
} from './index.ts'
export { errorCodes, lifecycle, ZerodropError } from './index.ts'
