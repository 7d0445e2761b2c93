import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'

/** Groups streams by the session that carries them, in one pass. */
export function bySession(
  streams: Iterable<ServerHttp2Stream>,
): ReadonlyMap<ServerHttp2Session, readonly ServerHttp2Stream[]> {
  const groups = new Map<ServerHttp2Session, ServerHttp2Stream[]>()
  for (const stream of streams) {
    const { session } = stream
    if (session === undefined) continue
    const group = groups.get(session as ServerHttp2Session)
    if (group === undefined) groups.set(session as ServerHttp2Session, [stream])
    else group.push(stream)
  }
  return groups
}
