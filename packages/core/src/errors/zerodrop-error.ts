/** Every error code of zerodrop, with its meaning in one line. A test compares this with docs/errors.md. */
export const errorCodes = {
  ERR_ZERODROP_OPTION_UNKNOWN: 'An option has a name that zerodrop does not know.',
  ERR_ZERODROP_OPTION_INVALID: 'An option has a value of the wrong type or out of range.',
  ERR_ZERODROP_OPTION_CONFLICT: 'Two calls in one process set different values for a process-wide option.',
  ERR_ZERODROP_SIGNAL_UNKNOWN: 'No signal has this name.',
  ERR_ZERODROP_SIGNAL_UNSUPPORTED: 'The signal exists but cannot be handled, on this platform or at all.',
  ERR_ZERODROP_SIGNAL_RECEIVED: 'A signal arrived that the program was waiting for.',
  ERR_ZERODROP_SIGNAL_FUNCTION_FAILED: 'A function that the application gave for a signal threw or rejected.',
  ERR_ZERODROP_HANDLERS_TIMEOUT: 'Signal handlers of other libraries did not finish in time.',
  ERR_ZERODROP_SERVER_INVALID: 'The value is not a net.Server.',
  ERR_ZERODROP_SERVER_NOT_LISTENING:
    'An attached server that speaks no HTTP gets its connections from another server instead of listening.',
  ERR_ZERODROP_INHERIT_INVALID: 'The variable ZERODROP_INHERIT does not hold what a predecessor writes.',
  ERR_ZERODROP_INHERIT_MISMATCH: 'An inherited descriptor is not a listening socket of its address.',
  ERR_ZERODROP_ADDRESS_IN_USE:
    'A server could not listen because its address is in use and was not inherited.',
  ERR_ZERODROP_PLATFORM_UNSUPPORTED: 'This platform cannot pass listening sockets to another process.',
  ERR_ZERODROP_CLUSTER_WORKER: 'A cluster worker has no listening socket of its own to hand over.',
  ERR_ZERODROP_CLUSTER_PRIMARY: 'A cluster primary cannot hand over the servers of its workers.',
  ERR_ZERODROP_WORKER_THREAD: 'A worker thread cannot restart its process.',
  ERR_ZERODROP_SUPERVISED: 'The supervisor of this process watches its pid and would not follow a restart.',
  ERR_ZERODROP_KEEPER_UNAVAILABLE: 'This process cannot become the keeper of its successor.',
  ERR_ZERODROP_CONTROL_UNAVAILABLE: 'The control socket of a keeper could not be opened.',
  ERR_ZERODROP_NOT_SERVING: 'The call needs a process that is serving.',
  ERR_ZERODROP_NOTHING_TO_HAND_OVER: 'No listening socket of this process can be inherited.',
  ERR_ZERODROP_SPAWN_FAILED: 'The successor could not be started.',
  ERR_ZERODROP_SUCCESSOR_EXITED: 'The successor ended before it was ready.',
  ERR_ZERODROP_PREDECESSOR_HUNG: 'The predecessor stopped answering before it handed over.',
  ERR_ZERODROP_SUCCESSOR_HUNG: 'The successor was ready and then stopped answering.',
  ERR_ZERODROP_READY_TIMEOUT: 'The successor was not ready in time.',
  ERR_ZERODROP_PROTOCOL_MISMATCH:
    "The two processes of a restart speak different versions of zerodrop's protocol.",
  ERR_ZERODROP_RESTART_ABORTED: 'A shutdown ended the restart before the successor took over.',
  ERR_ZERODROP_RESTART_SUPERSEDED: 'A newer restart replaced an attempt whose successor was not ready.',
  ERR_ZERODROP_RESTART_IN_PROGRESS:
    'A restart was requested during another one, and the policy is to reject it.',
  ERR_ZERODROP_DRAINING: 'The server is draining: a request is refused, or a long stream is asked to end.',
  ERR_ZERODROP_DRAINING_POLICY_FAILED:
    "The function \"onDrainingRequest\" threw, or returned neither 'serve' nor 'refuse'.",
  ERR_ZERODROP_DRAIN_INTERRUPTED: 'Something other than zerodrop ended the process in the middle of a drain.',
  ERR_ZERODROP_STEP_FAILED: 'A step of a drain or a handover threw; zerodrop continued with the next.',
  ERR_ZERODROP_EVENTS_READ_ONLY: 'The application emitted an event of the lifecycle.',
  ERR_ZERODROP_LISTENER_FAILED: 'A listener of a lifecycle event threw or rejected.',
  ERR_ZERODROP_MIGRATE_FAILED: 'The function "migrate" threw, or returned neither true nor false.',
  ERR_ZERODROP_WEBSOCKETS_INVALID: 'The value is not a WebSocketServer of ws.',
  ERR_ZERODROP_WEBSOCKETS_UNKNOWN: 'zerodrop does not recognise this version of ws.',
  ERR_ZERODROP_SAVE_FAILED:
    'The function "save", "stay" or "match" of the handover threw, or a state cannot be copied.',
  ERR_ZERODROP_STATE_TOO_LARGE:
    'The state that "save" returned for a WebSocket or event stream is larger than 64 KiB.',
  ERR_ZERODROP_HOOK_FAILED: 'A hook threw or rejected.',
  ERR_ZERODROP_HOOK_TIMEOUT: 'A hook did not finish in time.',
  ERR_ZERODROP_PID_FILE_FAILED: 'The pid file could not be written.',
  ERR_ZERODROP_GRACE_PERIOD: 'The platform may kill the process before its drain ends.',
  ERR_ZERODROP_NOTIFY_FAILED: 'zerodrop could not notify systemd of the state of the service.',
  ERR_ZERODROP_CHECK_FAILED: 'A health check failed.',
  ERR_ZERODROP_CHECK_TIMEOUT: 'A health check did not answer in time.',
  ERR_ZERODROP_HEALTH_PORT: 'The port for health probes could not be opened.',
  ERR_ZERODROP_ILLEGAL_STEP:
    'The lifecycle was asked for a step that its state does not allow: a bug in zerodrop.',
} as const

/** The code of a `ZerodropError`: a key of `errorCodes`. */
export type ErrorCode = keyof typeof errorCodes

/**
 * The class of all errors that zerodrop throws. Match on `code`, not on `instanceof`: one process can have
 * two copies of the package, each with its own class.
 */
export class ZerodropError extends Error {
  /** What happened. Match on this, not on `instanceof`. */
  readonly code: ErrorCode
  /** If another process failed, the last lines of its stderr, if they are known. */
  declare readonly stderr?: string

  constructor(
    code: ErrorCode,
    message: string,
    { cause, stderr }: { readonly cause?: unknown; readonly stderr?: string } = {},
  ) {
    // `cause: undefined` means no cause: as an own property it would be printed.
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    if (stderr !== undefined && stderr !== '') this.stderr = stderr
  }

  static {
    // On the prototype, as in Node's own errors, so that `name` is not an enumerable own property.
    Object.defineProperty(this.prototype, 'name', {
      value: 'ZerodropError',
      configurable: true,
      writable: true,
    })
  }
}
