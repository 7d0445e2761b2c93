import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import type { AnyRouter } from '@trpc/server'
import { leftovers } from '@zerodrop/traffic'
import WebSocket from 'ws'
import { LiveSite } from './support/live-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

interface Numbered {
  id: string
  data: { number: number; generation: number }
}

/** What the untyped router of the fixture offers. */
interface Client {
  numbers: {
    subscribe(
      input: undefined,
      handlers: { onData(value: Numbered): void; onError(error: unknown): void },
    ): { unsubscribe(): void }
  }
  generation: { query(): Promise<number> }
}

describePosix('a subscription of tRPC', () => {
  test('is closed with 1012, and its client continues with the successor after the last event that it has received', async () => {
    const site = await LiveSite.start(undo, 'trpc')
    const codes: (number | undefined)[] = []
    const socket = createWSClient({
      url: `ws://127.0.0.1:${site.port}`,
      WebSocket: WebSocket as never,
      retryDelayMs: () => 0,
      onClose: (cause) => void codes.push(cause?.code),
    })
    undo.add(() => socket.close())
    const client = createTRPCClient<AnyRouter>({ links: [wsLink({ client: socket })] }) as unknown as Client
    const seen: Numbered['data'][] = []
    let failed: unknown
    let onSeen = (): void => {}
    const subscription = client.numbers.subscribe(undefined, {
      onData: ({ data }) => {
        seen.push(data)
        onSeen()
      },
      onError: (error) => (failed = error),
    })
    undo.add(() => subscription.unsubscribe())
    const untilGeneration = (wanted: number): Promise<void> =>
      new Promise((resolve) => {
        onSeen = () => {
          if (seen.at(-1)?.generation === wanted) resolve()
        }
      })
    await untilGeneration(1)
    for (const generation of [2, 3]) {
      const arrived = untilGeneration(generation)
      await Promise.all([site.restart(), arrived])
      await expect(client.generation.query()).resolves.toBe(generation)
    }
    expect(codes).toEqual([1012, 1012])
    expect(failed).toBeUndefined()
    // Each number once, whichever process has sent it.
    expect(seen.map(({ number }) => number)).toEqual(seen.map((_, index) => index + 1))
  })
})
