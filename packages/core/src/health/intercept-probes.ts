import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { shadow } from '../system/shadow.ts'
import type { Release } from '../system/system.ts'
import type { HealthAnswer, ProbeRequest } from './probes.ts'
import { writeAnswer } from './write-answer.ts'

/** A request that may be a probe, and the socket that carries it. */
export interface ArrivedProbe extends ProbeRequest {
  readonly socket: Socket
}

/**
 * Answers health probes before the application's handlers see them. A listener cannot keep the next one from being
 * called, so this shadows `emit()`.
 * @param answer returns undefined for a request that the application gets
 */
export function interceptProbes(
  server: Server,
  answer: (probe: ArrivedProbe) => Promise<HealthAnswer> | undefined,
): Release {
  const take = (event: string | symbol, args: unknown[]): boolean => {
    if (event === 'request') return takeRequest(args as [IncomingMessage, ServerResponse])
    // With a handler of requests, Node makes a request of each stream.
    if (event !== 'stream' || server.listenerCount('request') > 0) return false
    return takeStream(args as [ServerHttp2Stream, IncomingHttpHeaders])
  }
  const takeRequest = ([request, response]: [IncomingMessage, ServerResponse]): boolean => {
    const answering = answer(request)
    if (answering !== undefined) void writeAnswer(response, answering)
    return answering !== undefined
  }
  const takeStream = ([stream, headers]: [ServerHttp2Stream, IncomingHttpHeaders]): boolean => {
    const { ':method': method, ':path': url } = headers
    const socket = stream.session?.socket as Socket | undefined
    const answering = socket && answer({ method, url, socket })
    if (answering !== undefined) void respond(stream, method === 'HEAD', answering)
    return answering !== undefined
  }
  return shadow(
    server,
    'emit',
    (emit) =>
      function (this: Server, event: string | symbol, ...args: unknown[]): boolean {
        return take(event, args) || Reflect.apply(emit, this, [event, ...args])
      },
  )
}

async function respond(
  stream: ServerHttp2Stream,
  withoutBody: boolean,
  answering: Promise<HealthAnswer>,
): Promise<void> {
  const { status, headers, body } = await answering
  // The client is gone.
  if (stream.destroyed) return
  stream.respond({ ':status': status, ...headers, 'Content-Length': Buffer.byteLength(body) })
  if (withoutBody) stream.end()
  else stream.end(body)
}
