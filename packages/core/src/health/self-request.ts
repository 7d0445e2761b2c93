import type { connect as Connect } from 'node:http2'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Release, System } from '../system/system.ts'
import { isTlsServer } from '../system/tls-server.ts'
import { checkHeader, type CheckKind, connectSelf } from './self-socket.ts'

export interface SelfRequest {
  readonly path: string
  readonly kind: CheckKind
  /** The timeout of the request, in milliseconds. */
  readonly timeout: number
  /** Aborts the request at once. */
  readonly abort: AbortSignal
}

/**
 * How long to wait for the body of a response once its status is known, in milliseconds: it may be an
 * endless stream.
 */
const longestBody = 1000

/** How much of a response is read to find its status. */
const longestHead = 65_536

/**
 * Sends a request to a server of this process, bypassing its port, and resolves with the status of the
 * response when the connection has closed. Rejects with the reason if there is none.
 *
 * It does not use node:http, which the application may mock or trace.
 */
export async function requestSelf(system: System, server: Server, request: SelfRequest): Promise<number> {
  const { abort, kind, timeout } = request
  abort.throwIfAborted()
  const { client, accepted, closed } = connectSelf(server, kind)
  const releases: Release[] = []
  const after = (milliseconds: number, act: () => void): void => {
    releases.push(system.setTimeout(act, milliseconds))
  }
  let status: number | undefined
  try {
    return await new Promise<number>((resolve, reject) => {
      const end = (reason: string): void =>
        status === undefined ? reject(new Error(reason)) : resolve(status)
      const onStatus = (value: number): void => {
        status = value
        after(longestBody, () => resolve(value))
      }
      const onAbort = (): void => reject(abort.reason)
      abort.addEventListener('abort', onAbort)
      releases.push(() => abort.removeEventListener('abort', onAbort))
      after(timeout, () => end(`no answer within ${timeout} ms`))
      client.on('error', (error) => end(error.message))
      // In Node 20 and 22, one end does not notice that the other was destroyed.
      accepted.on('close', () => end(unanswered))
      const asking = { secure: isTlsServer(server), onStatus, onEnd: end }
      if ('updateSettings' in server) askHttp2(client, request, asking).catch(reject)
      else askHttp1(client, request, asking)
    })
  } finally {
    for (const release of releases) release()
    client.destroy()
    accepted.destroy()
    await closed
  }
}

interface Asking {
  readonly secure: boolean
  readonly onStatus: (status: number) => void
  /** @param reason why there is no status, if none was seen */
  readonly onEnd: (reason: string) => void
}

const unanswered = 'the connection was closed without an answer'

function askHttp1(client: Duplex, { path, kind }: SelfRequest, { onStatus, onEnd }: Asking): void {
  let head: string | undefined = ''
  client.on('data', (chunk: Buffer) => {
    if (head === undefined) return
    head += chunk.toString('latin1')
    const status = finalStatus(head)
    if (status !== undefined) onStatus(status)
    else if (head.length > longestHead) onEnd('what it answered is not HTTP')
    if (status !== undefined || head.length > longestHead) head = undefined
  })
  client.on('end', () => onEnd(unanswered))
  client.on('close', () => onEnd(unanswered))
  const fields = [
    'Host: localhost',
    'User-Agent: zerodrop',
    'Accept: */*',
    `${checkHeader}: ${kind}`,
    'Connection: close',
  ]
  client.write([`GET ${path} HTTP/1.1`, ...fields, '', ''].join('\r\n'))
}

/** The final status of the response, after informational ones such as `103 Early Hints`. */
function finalStatus(text: string): number | undefined {
  for (const head of text.split('\r\n\r\n')) {
    const status = Number(/^HTTP\/1\.\d (\d{3})[ \r]/.exec(head)?.[1])
    if (Number.isNaN(status)) return undefined
    if (status >= 200) return status
  }
  return undefined
}

/**
 * Loads the module only now: the application has an HTTP/2 server, so it has loaded the module. At import it
 * would open the process's stderr, because `node:http2` loads `node:assert`.
 */
async function askHttp2(client: Duplex, request: SelfRequest, asking: Asking): Promise<void> {
  const { connect } = await import('node:http2')
  askSession(connect, client, request, asking)
}

function askSession(
  connect: typeof Connect,
  client: Duplex,
  { path, kind }: SelfRequest,
  { secure, onStatus, onEnd }: Asking,
): void {
  const session = connect(`${secure ? 'https' : 'http'}://localhost`, { createConnection: () => client })
  session.on('error', ({ message }) => onEnd(message))
  const stream = session.request({
    ':path': path,
    'user-agent': 'zerodrop',
    accept: '*/*',
    [checkHeader]: kind,
  })
  stream.on('response', (headers) => onStatus(headers[':status'] ?? 0))
  stream.on('error', ({ message }) => onEnd(message))
  stream.on('close', () => {
    onEnd(unanswered)
    session.destroy()
  })
  stream.resume()
}
