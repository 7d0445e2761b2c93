import { randomBytes, timingSafeEqual } from 'node:crypto'
import net, { type Socket } from 'node:net'
import { type Channel, openChannel, stopReading } from './node-internals.ts'

/**
 * Where a process that replaces its own program meets its successor again. `process.execve()` keeps no descriptor above 2,
 * and those are the application's. So the successor listens on an abstract Unix socket, which needs no file, and lets in the
 * one that knows the token.
 */
export interface Rendezvous {
  /** Anybody on the machine can see it. */
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

/** How long a stranger is listened to, in milliseconds. */
const strangerTimeout = 5000

/**
 * Waits for the one that knows the token. What it says behind it must wait for an answer.
 * @param onMet called once, with the channel; nobody else is let in then
 * @returns ends the wait
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
  // The one who waits for this process to listen here sees that it does not.
  server.on('error', () => {})
  server.listen({ path: `\0${name}` }).unref()
  return () => void server.close()
}

/** Goes to the one that waits there. Rejects if nobody does. */
export async function meetAt({ name, token }: Rendezvous): Promise<Channel> {
  const socket = await connect(name)
  await new Promise<void>((resolve, reject) => {
    socket.write(token, (error) => (error ? reject(error) : resolve()))
  })
  const channel = channelOf(socket)
  if (channel === undefined) throw new Error(`Node ${process.version} did not open a channel on it`)
  return channel
}

/** Rejects with what Node says if nobody waits there. Resolves, and has left again, if somebody does. */
export async function isAwaitedAt({ name }: Pick<Rendezvous, 'name'>): Promise<void> {
  const socket = await connect(name)
  socket.destroy()
}

/** Whoever connects does not read: the first bytes are for the channel. */
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

/** The stream stays as it is, and is not read: to destroy it would close the channel's descriptor. */
function channelOf(socket: Socket): Channel | undefined {
  socket.pause()
  const handle = stopReading(socket)?.handle as { readonly fd?: number } | undefined
  return handle?.fd === undefined ? undefined : openChannel(handle.fd)
}

function isSame(said: Buffer, token: string): boolean {
  const known = Buffer.from(token)
  return said.length === known.length && timingSafeEqual(said, known)
}
