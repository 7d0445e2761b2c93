import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { Inbox, type Leftovers } from '@zerodrop/traffic'

/** A database that has one answer, and gives it when the test says so. */
export interface FakePostgres {
  readonly port: number
  /** The next query; call it to have it answered. */
  query(): Promise<() => void>
  /** Resolves when a client has ended its session with the protocol's Terminate message. */
  readonly terminated: Promise<void>
}

/** One message of the protocol: its type, its length, its content. */
function message(type: string, content: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(content.length + 4, 1)
  return Buffer.concat([head, content])
}

const text = 25
const readyForQuery = message('Z', Buffer.from('I'))
const welcome = Buffer.concat([message('R', Buffer.alloc(4)), readyForQuery])
const answer = Buffer.concat([
  // One column, "now", of no table, as text of any length.
  message(
    'T',
    Buffer.from([
      0,
      1,
      ...Buffer.from('now\0'),
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      text,
      255,
      255,
      255,
      255,
      255,
      255,
      0,
      0,
    ]),
  ),
  message('D', Buffer.from([0, 1, 0, 0, 0, 5, ...Buffer.from('today')])),
  message('C', Buffer.from('SELECT 1\0')),
  readyForQuery,
])

/** Speaks as much of PostgreSQL's protocol, version 3, as a pool needs: https://www.postgresql.org/docs/current/protocol.html */
export async function startFakePostgres(undo: Leftovers): Promise<FakePostgres> {
  const queries = new Inbox<() => void>()
  let terminate = (): void => {}
  const terminated = new Promise<void>((resolve) => (terminate = resolve))
  const server = net.createServer((socket) => {
    undo.add(() => socket.destroy())
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(welcome)
      socket.on('data', (data) => {
        const type = String.fromCharCode(data[0] ?? 0)
        if (type === 'Q') queries.push(() => socket.write(answer))
        if (type === 'X') terminate()
      })
    })
  })
  undo.add(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: (server.address() as AddressInfo).port, query: () => queries.take(), terminated }
}
