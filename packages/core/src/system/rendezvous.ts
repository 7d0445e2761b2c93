import { randomBytes, timingSafeEqual } from 'node:crypto'
import net, { type Socket } from 'node:net'
import { type Channel, openChannel, stopReading } from './node-internals.ts'

/**
 * The socket over which a process that has replaced its program connects to its successor again.
 * `process.execve()` keeps only the descriptors 0 to 2, which belong to the application. So the successor
 * listens on an abstract Unix socket, which needs no file, and accepts the process that knows the token.
 */
export interface Rendezvous {
  /** The name, which every process on the machine can see. */
  readonly name: string
  readonly token: string
}

export function newRendezvous(): Rendezvous {
  return { name: `zerodrop-${randomBytes(16).toString('hex')}`, token: randomBytes(32).toString('hex') }
}

export function isRendezvous(value: unknown): value is Rendezvous {
  const { name, token } = (value ?? {}) as Record<keyof Rendezvous, unknown>
  return typeof name === 'string' && name !== '' && typeof token === 'string' && /^[\da-f]{64}$/.test(token)
}

/** How long to wait for the token of a connection, in milliseconds. */
const strangerTimeout = 5000

/**
 * Waits for the process that knows the token. That process must wait for an answer before it sends more.
 * @param onMet called once, with the channel; after that, no other connection is accepted
 * @returns a function that ends the wait
 */
export function awaitAt({ name, token }: Rendezvous, onMet: (channel: Channel) => void): () => void {
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    const strangers = setTimeout(() => socket.destroy(), strangerTimeout).unref()
    let said = Buffer.alloc(0)
    socket.unref()
    socket.on('error', () => {})
    socket.on('end', () => socket.destroy())
    socket.on('data', (chunk) => {
      said = Buffer.concat([said, chunk])
      if (said.length < token.length) return
      clearTimeout(strangers)
      const channel = isSame(said, token) ? channelOf(socket) : undefined
      if (channel === undefined) return void socket.destroy()
      server.close()
      onMet(channel)
    })
    socket.resume()
  })
  // The process that waits for this socket notices that it does not listen.
  server.on('error', () => {})
  server.listen({ path: `\0${name}` }).unref()
  return () => void server.close()
}

/** Connects to the waiting process. Rejects if there is none. */
export async function meetAt({ name, token }: Rendezvous): Promise<Channel> {
  const socket = await connect(name)
  await new Promise<void>((resolve, reject) => {
    socket.write(token, (error) => (error ? reject(error) : resolve()))
  })
  const channel = channelOf(socket)
  if (channel === undefined) throw new Error(`Node ${process.version} did not open a channel on it`)
  return channel
}

/** Checks that a process waits there, and disconnects. Rejects with Node's error if none does. */
export async function isAwaitedAt({ name }: Pick<Rendezvous, 'name'>): Promise<void> {
  const socket = await connect(name)
  socket.destroy()
}

/** The connecting process does not read: the first bytes belong to the channel. */
function connect(name: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path: `\0${name}` })
    socket.pause()
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject).on('error', () => {})
      resolve(socket)
    })
  })
}

/** The stream stays open and unread: destroying it would close the channel's descriptor. */
function channelOf(socket: Socket): Channel | undefined {
  socket.pause()
  const handle = stopReading(socket)?.handle as { readonly fd?: number } | undefined
  return handle?.fd === undefined ? undefined : openChannel(handle.fd)
}

function isSame(said: Buffer, token: string): boolean {
  const known = Buffer.from(token)
  return said.length === known.length && timingSafeEqual(said, known)
}
