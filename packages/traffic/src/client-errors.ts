/**
 * How a request was lost: a reset; a FIN before any byte of the answer; a FIN in its middle; no whole answer in time;
 * an answer that is not HTTP; or this client destroyed its own connection.
 */
export type LossReason = 'reset' | 'fin' | 'truncated' | 'timeout' | 'malformed' | 'destroyed'

export interface LossDetails {
  /** Bytes of the answer that did come. */
  bytesReceived: number
  /** The client's port, to find the connection in a packet capture or a server's log. */
  localPort: number
  cause?: Error | undefined
}

/** Bytes of a request were written and no whole answer came. The only thing this whole project is about. */
export class LostRequest extends Error {
  override readonly name = 'LostRequest'
  readonly reason: LossReason
  readonly bytesReceived: number
  readonly localPort: number

  constructor(reason: LossReason, details: LossDetails, what: string = 'request') {
    const { bytesReceived, localPort, cause } = details
    const why = cause ? `${reason} (${cause.message})` : reason
    super(`${what} lost: ${why} after ${bytesReceived} bytes, client port ${localPort}`, { cause })
    this.reason = reason
    this.bytesReceived = bytesReceived
    this.localPort = localPort
  }

  /** The same loss, saying what was lost. */
  named(what: string): LostRequest {
    const { bytesReceived, localPort } = this
    return new LostRequest(
      this.reason,
      { bytesReceived, localPort, cause: this.cause as Error | undefined },
      what,
    )
  }
}

/** The connection was over before the request was made: nothing was written, so nothing was lost. */
export class ConnectionGone extends Error {
  override readonly name = 'ConnectionGone'

  constructor(what: string, localPort: number) {
    super(`${what} not sent: the connection from client port ${localPort} is no longer open`)
  }
}

/** There was no connection: the server refused it, or reset it before anything was written. */
export class ConnectionRefused extends Error {
  override readonly name = 'ConnectionRefused'
  readonly code: string | undefined

  constructor(port: number, cause: NodeJS.ErrnoException) {
    super(`port ${port} gave no connection: ${cause.message}`, { cause })
    this.code = cause.code
  }
}
