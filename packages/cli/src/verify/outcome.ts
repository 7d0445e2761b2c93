import { ConnectionGone, ConnectionRefused, LostRequest } from './traffic.ts'

/**
 * The outcome of one request, stream or connection, as its client saw it.
 * - `answered`: a complete response, or the proper end of a stream
 * - `refused`: a 503, a refused connection, or an HTTP/2 stream that the server declares unprocessed
 * - `ended`: the server closed a connection without a request in flight
 * - `kept`: the connection or stream was still open when the event was over
 * - `failed`: a complete response with an error status that the route does not usually give, or invalid HTTP
 * - `lost`: a FIN before the first byte of the response
 * - `reset`: a reset before the first byte of the response
 * - `cut`: the connection ended in the middle of the response
 * - `hung`: no complete response in time
 * - `down`: a refused connection during a restart
 */
export type Outcome = (typeof outcomes)[number]

export const losses = ['hung', 'cut', 'reset', 'lost', 'failed', 'down'] as const
export type Loss = (typeof losses)[number]

export const outcomes = ['answered', 'kept', 'refused', 'ended', ...losses] as const

export function isLoss(outcome: Outcome): outcome is Loss {
  return (losses as readonly string[]).includes(outcome)
}

/** The outcome of a complete response. `usual` is the status that the route gives without an event. */
export function outcomeOf(status: number, usual: number): Outcome {
  if (status === usual || status < 400) return 'answered'
  return status === 503 ? 'refused' : 'failed'
}

/** The outcome that an error of a client stands for. Rethrows errors that the server did not cause. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof ConnectionGone) return 'ended'
  if (error instanceof ConnectionRefused) return 'refused'
  if (!(error instanceof LostRequest)) throw error
  switch (error.reason) {
    case 'reset':
      return error.bytesReceived > 0 ? 'cut' : 'reset'
    case 'truncated':
      return 'cut'
    case 'timeout':
      return 'hung'
    case 'malformed':
      return 'failed'
    default:
      return 'lost'
  }
}
