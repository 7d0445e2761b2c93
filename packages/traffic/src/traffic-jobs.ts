import { setTimeout as delay } from 'node:timers/promises'
import type { RawResponse, RequestOptions } from './raw-client.ts'

/** What of an answer a job looks at. */
export type Answer = Pick<RawResponse, 'status' | 'body'>

/** One request to make, and what is wrong with its answer, if anything. */
export interface Task {
  request: RequestOptions
  problem: (answer: Answer) => string | undefined
}

/** What one kind of client asks for, over and over. */
export interface Job {
  next: () => Task
  /** How many requests it writes at once, to be answered in order. @default 1 */
  burst?: number
}

const UPLOAD_PIECES = 8
const UPLOAD_TIME = 200

/** The answer has to be JSON with a version and a pid; `servedBy` hears which. */
export function quickJob(
  path: string,
  servedBy: (version: string, pid: number) => void,
  headers: Record<string, string> = {},
): Job {
  return {
    next: () => ({
      request: { path, headers },
      problem: (answer) => {
        const { version, pid } = fieldsOf(answer)
        if (answer.status !== 200 || typeof version !== 'string' || typeof pid !== 'number')
          return shown(answer)
        servedBy(version, pid)
        return undefined
      },
    }),
  }
}

/** Requests of which each has a number of its own, which has to come back in `n` of its answer. */
export function pipelinedJob(path: string, burst: number): Job {
  let last = 0
  return {
    burst,
    next: () => {
      const n = ++last
      return {
        request: { path: `${path}?n=${n}` },
        problem: (answer) =>
          answer.status === 200 && fieldsOf(answer)['n'] === n ? undefined : `${shown(answer)} to ${n}`,
      }
    },
  }
}

export function slowJob(path: string): Job {
  const problem = (answer: Answer): string | undefined => (answer.status === 200 ? undefined : shown(answer))
  return { next: () => ({ request: { path }, problem }) }
}

/** The answer has to have exactly this body. */
export function downloadJob(path: string, body: Buffer): Job {
  const problem = (answer: Answer): string | undefined =>
    answer.status === 200 && answer.body.equals(body)
      ? undefined
      : `wrong download: ${answer.status}, ${answer.body.length} of ${body.length} bytes`
  return { next: () => ({ request: { path }, problem }) }
}

/** POSTs 64 to 256 KiB in pieces over 200 ms; the answer has to be JSON with the right number of `bytes`. */
export function uploadJob(path: string, chunked: boolean): Job {
  return {
    next: () => {
      const piece = Buffer.alloc(Math.round((64 + Math.random() * 192) * (1024 / UPLOAD_PIECES)), 'u')
      const bytes = piece.length * UPLOAD_PIECES
      const headers: Record<string, string> = { 'content-type': 'application/octet-stream' }
      if (!chunked) headers['content-length'] = String(bytes)
      return {
        request: { method: 'POST', path, headers, body: slowly(piece) },
        problem: (answer) =>
          answer.status === 200 && fieldsOf(answer)['bytes'] === bytes
            ? undefined
            : `${shown(answer)} to ${bytes} bytes`,
      }
    },
  }
}

async function* slowly(piece: Buffer): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < UPLOAD_PIECES; sent += 1) {
    if (sent > 0) await delay(UPLOAD_TIME / (UPLOAD_PIECES - 1))
    yield piece
  }
}

function fieldsOf(answer: Answer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(answer.body.toString())
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function shown(answer: Answer): string {
  return `wrong answer: ${answer.status} ${answer.body.toString().slice(0, 100)}`
}
