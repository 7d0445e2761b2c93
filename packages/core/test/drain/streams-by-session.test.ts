import type { ServerHttp2Stream } from 'node:http2'
import { bySession } from '../../src/drain/streams-by-session.ts'

const stream = (session: object | undefined): ServerHttp2Stream => ({ session }) as ServerHttp2Stream

test('groups streams by session, and omits streams whose session is gone', () => {
  const [one, two] = [{}, {}]
  const [a, b, c] = [stream(one), stream(two), stream(one)]
  expect([...bySession([a, b, c, stream(undefined)]).values()]).toEqual([[a, c], [b]])
})
