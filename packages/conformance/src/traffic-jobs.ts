import { setTimeout as delay } from 'node:timers/promises'
import type { RawResponse, RequestOptions } from './raw-client.ts'
import type { ClientKind } from './traffic-report.ts'

/** One request to make, and what is wrong with its answer, if anything. */
export interface Task {
  request: RequestOptions
  problem: (response: RawResponse) => string | undefined
}

/** What one kind of client asks for, over and over. */
export interface Job {
  kind: ClientKind
  next: () => Task
}

const UPLOAD_PIECES = 8
const UPLOAD_TIME = 200

/** The answer has to be JSON with a version and a pid; `servedBy` hears which. */
export function quickJob(
  kind: 'quick' | 'connection',
  path: string,
  servedBy: (version: string, pid: number) => void,
): Job {
  // A client that wants one answer says so, and the server closes.
  const headers: Record<string, string> = kind === 'connection' ? { connection: 'close' } : {}
  return {
    kind,
    next: () => ({
      request: { path, headers },
      problem: (response) => {
        const { version, pid } = fieldsOf(response)
        if (response.status !== 200 || typeof version !== 'string' || typeof pid !== 'number')
          return shown(response)
        servedBy(version, pid)
        return undefined
      },
    }),
  }
}

export function slowJob(path: string): Job {
  const problem = (response: RawResponse): string | undefined =>
    response.status === 200 ? undefined : shown(response)
  return { kind: 'slow', next: () => ({ request: { path }, problem }) }
}

/** POSTs 64 to 256 KiB in pieces over 200 ms; the answer has to be JSON with the right number of `bytes`. */
export function uploadJob(path: string, chunked: boolean): Job {
  return {
    kind: 'upload',
    next: () => {
      const piece = Buffer.alloc(Math.round((64 + Math.random() * 192) * (1024 / UPLOAD_PIECES)), 'u')
      const bytes = piece.length * UPLOAD_PIECES
      const headers: Record<string, string> = { 'content-type': 'application/octet-stream' }
      if (!chunked) headers['content-length'] = String(bytes)
      return {
        request: { method: 'POST', path, headers, body: slowly(piece) },
        problem: (response) =>
          response.status === 200 && fieldsOf(response)['bytes'] === bytes
            ? undefined
            : `${shown(response)} to ${bytes} bytes`,
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

function fieldsOf(response: RawResponse): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(response.body.toString())
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function shown(response: RawResponse): string {
  return `wrong answer: ${response.status} ${response.body.toString().slice(0, 100)}`
}
