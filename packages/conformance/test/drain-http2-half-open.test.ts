import { leftovers } from '@zerodrop/traffic'
import { H2Wire, isAck, numberOf } from './support/h2-wire.ts'
import { clean, ProtocolSite, unclean } from './support/protocol-site.ts'
import type { SiteOptions, Transport } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const highest = 2 ** 31 - 1

const ways: [transport: Transport, unix: boolean][] = [
  ['h2c', false],
  ['h2c', true],
  ['h2', false],
  ['h2', true],
]

describePosix.each(ways)(
  'an HTTP/2 client over %s (Unix socket: %s) that never sends its FIN',
  (transport, unix) => {
    const start = (options: SiteOptions['options'] = {}): Promise<ProtocolSite> =>
      ProtocolSite.start(undo, 'node', { transport, unix, options })
    const connect = ({ port, socketPath, secure }: ProtocolSite): Promise<H2Wire> =>
      H2Wire.connect(undo, unix ? socketPath : port, secure, { allowHalfOpen: true })

    /** Its session has ended with everything it had asked for, and the connection is half open. */
    async function leaveHalfOpen(site: ProtocolSite): Promise<H2Wire> {
      const wire = await connect(site)
      wire.pongAlways()
      wire.get('/')
      await wire.next('DATA')
      return wire
    }

    test('does not keep a stop from ending', async () => {
      const site = await start()
      await leaveHalfOpen(site)
      site.app.signal('SIGTERM')
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(site.app.stderr).toContain('0 cut')
      // The deadline is 20 s away: the connection had the short timeout of any other that was ended.
      expect(Number(/drained in (\d+) ms/.exec(site.app.stderr)?.[1])).toBeLessThan(15_000)
    })

    test('does not end the process at the deadline', async () => {
      const site = await start({ drainTimeout: 500 })
      const idle = await leaveHalfOpen(site)
      const busy = await connect(site)
      busy.get('/hold?busy')
      await site.gates.visit()
      site.app.signal('SIGTERM')
      await idle.closedByServer
      await expect(site.app.exited).resolves.toEqual(unclean)
      expect(site.cutLines()).toEqual([expect.stringMatching(/GET \/hold\?busy from /)])
      expect(site.app.stderr).not.toMatch(/Error/)
    })

    test('does not end the process at a signal that forces the drain', async () => {
      const site = await start({ signals: { SIGQUIT: 'force' } })
      const idle = await leaveHalfOpen(site)
      const busy = await connect(site)
      busy.get('/hold?busy')
      await site.gates.visit()
      site.app.signal('SIGTERM')
      await idle.closedByServer
      site.app.signal('SIGQUIT')
      await expect(site.app.exited).resolves.toEqual({ code: 131, signal: null })
      expect(site.cutLines()).toEqual([expect.stringMatching(/GET \/hold\?busy from /)])
      expect(site.app.stderr).not.toMatch(/Error/)
    })

    test('does not end the process when its status is read', async () => {
      const site = await start({ signals: { SIGQUIT: 'status' } })
      const idle = await leaveHalfOpen(site)
      const busy = await connect(site)
      busy.pongAlways()
      busy.get('/hold?busy')
      const visit = await site.gates.visit()
      site.app.signal('SIGTERM')
      await idle.closedByServer
      site.app.signal('SIGQUIT')
      await site.app.waitForStderr(/waiting for GET \/hold\?busy from .*\n/)
      visit.open()
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(site.app.stderr).not.toMatch(/Error/)
    })

    test('is distinguished from the other sessions: each gets its own GOAWAYs', async () => {
      const site = await start()
      const wires = await Promise.all(Array.from({ length: 3 }, () => connect(site)))
      const streams = wires.map((wire, index) => wire.get(`/hold?${index}`))
      const visits = await Promise.all(wires.map(() => site.gates.visit()))
      site.app.signal('SIGTERM')
      for (const wire of wires) {
        expect(numberOf(await wire.next('GOAWAY'))).toBe(highest)
        const ping = wire.frames.find((frame) => frame.type === 'PING' && !isAck(frame))
        wire.pong(ping ?? (await wire.next('PING')))
      }
      for (const [index, wire] of wires.entries())
        expect(numberOf(await wire.next('GOAWAY'))).toBe(streams[index])
      for (const visit of visits) visit.open()
      await Promise.all(wires.map(({ closedByServer }) => closedByServer))
      for (const [index, wire] of wires.entries()) {
        expect(wire.body(streams[index]!)).toBeDefined()
        const highestOnes = wire.frames.filter(
          (frame) => frame.type === 'GOAWAY' && numberOf(frame) === highest,
        )
        expect(highestOnes).toHaveLength(1)
      }
      await expect(site.app.exited).resolves.toEqual(clean)
    })
  },
)
