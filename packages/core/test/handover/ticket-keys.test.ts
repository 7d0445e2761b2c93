import type net from 'node:net'
import tls from 'node:tls'
import type { Predecessor } from '../../src/handover/predecessor.ts'
import type { TicketKeys } from '../../src/handover/protocol.ts'
import { InheritedTicketKeys, ticketKeysOf } from '../../src/handover/ticket-keys.ts'

const bound = 'tcp://127.0.0.1:3000' as const
/** A server that claims to listen at this address. */
function secure(options: tls.TlsOptions = {}): tls.Server {
  const server = tls.createServer(options)
  server.address = () => ({ address: '127.0.0.1', family: 'IPv4', port: 3000 }) as net.AddressInfo
  return server
}

let arrive: (message: { servers: readonly TicketKeys[] }) => void
let inherited: InheritedTicketKeys
beforeEach(() => {
  const predecessor = {
    on: (_type: string, handler: typeof arrive) => {
      arrive = handler
      return () => {}
    },
  }
  inherited = new InheritedTicketKeys(predecessor as unknown as Predecessor)
})
afterEach(() => inherited.dispose())

const keysOf = (server: tls.Server): string => server.getTicketKeys().toString('base64')

test('a server gets the keys of its predecessor, whichever of the two comes first', () => {
  const before = secure()
  const keys = ticketKeysOf([{ server: before, bound }])
  const [early, late] = [secure(), secure()]
  inherited.onListening(early)
  arrive({ servers: keys })
  inherited.onListening(late)
  expect([keysOf(early), keysOf(late)]).toEqual([keysOf(before), keysOf(before)])
})

test('keys set by the application are kept', () => {
  const chosen = secure()
  chosen.setTicketKeys(Buffer.alloc(48, 1))
  const own = keysOf(chosen)
  inherited.onListening(chosen)
  arrive({ servers: ticketKeysOf([{ server: secure(), bound }]) })
  expect(keysOf(chosen)).toBe(own)
})

test('a server with stricter client requirements does not resume older sessions', () => {
  const stricter = secure({ minVersion: 'TLSv1.3' })
  const own = keysOf(stricter)
  inherited.onListening(stricter)
  arrive({ servers: ticketKeysOf([{ server: secure(), bound }]) })
  expect(keysOf(stricter)).toBe(own)
})

test('a server that requests client certificates does not share its keys', () => {
  expect(ticketKeysOf([{ server: secure({ requestCert: true }), bound }])).toEqual([])
})
