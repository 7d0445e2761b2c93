import { leftovers } from '@zerodrop/traffic'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { LiveSite } from './support/live-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix('a subscription of graphql-ws', () => {
  test('is closed with 1012, and its client subscribes again with the successor', async () => {
    const site = await LiveSite.start(undo, 'graphql')
    const codes: number[] = []
    const client = createClient({
      url: `ws://127.0.0.1:${site.port}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 5,
      retryWait: async () => {},
      on: { closed: (event) => void codes.push((event as { code: number }).code) },
    })
    undo.add(() => client.dispose())
    const seen: unknown[] = []
    let restarting: Promise<unknown> | undefined
    for await (const { data } of client.iterate({ query: 'subscription { generation }' })) {
      const { generation } = data as { generation: number }
      seen.push(generation)
      restarting ??= site.restart()
      if (generation === 2) break
    }
    await restarting
    expect(codes[0]).toBe(1012)
    expect(seen[0]).toBe(1)
    expect(new Set(seen)).toEqual(new Set([1, 2]))
  })
})
