// The same instance as `require` gives: the lifecycle of a process exists once.
export type {
  AttachOptions,
  CutConnection,
  DrainResult,
  ErrorCode,
  Health,
  Lifecycle,
  LifecycleEvents,
  LifecycleOptions,
  RestartResult,
  ShutdownResult,
  SignalAction,
  State,
} from './index.ts'
export { errorCodes, lifecycle, ZerodropError } from './index.ts'
