import { ConnectionGone, ConnectionRefused, LostRequest } from './traffic.ts'

/**
 * What became of one request, stream or connection, as its client saw it.
 * - `answered`: a whole response, or the proper end of a stream
 * - `refused`: a 503, or no connection, or an HTTP/2 stream that the server names as not processed
 * - `ended`: a connection on which nothing was outstanding was closed
 * - `kept`: a connection or stream is still open when the event is over
 * - `failed`: a whole response with an error status that the route does not give otherwise, or no valid HTTP
 * - `lost`: a FIN before the first byte of the answer
 * - `reset`: a reset before the first byte of the answer
 * - `cut`: the connection ended in the middle of the answer
 * - `hung`: no whole answer in time
 * - `down`: no connection, in a restart
 */
export type Outcome = (typeof outcomes)[number]

export const losses = ['hung', 'cut', 'reset', 'lost', 'failed', 'down'] as const
export type Loss = (typeof losses)[number]

export const outcomes = ['answered', 'kept', 'refused', 'ended', ...losses] as const

export function isLoss(outcome: Outcome): outcome is Loss {
  return (losses as readonly string[]).includes(outcome)
}

/** A complete response. `usual` is the status that the route gives when nothing happens. */
export function outcomeOf(status: number, usual: number): Outcome {
  if (status === usual || status < 400) return 'answered'
  return status === 503 ? 'refused' : 'failed'
}

/** Rethrows what is no news of the server. */
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
