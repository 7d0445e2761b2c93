/**
 * What zerodrop reads that is private in Node, and nothing else. Each function answers `undefined` for "cannot tell": a
 * Node that keeps it elsewhere must not make a caller close or move a connection.
 */
import { ChildProcess, type SendHandle, type StdioOptions } from 'node:child_process'
import type { Channel as DiagnosticsChannel, ChannelListener } from 'node:diagnostics_channel'
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import net, { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { isSocket } from './file-status.ts'
import { shadow } from './shadow.ts'
import type { Release } from './system.ts'

interface SecureSocket {
  readonly _parent?: Socket
  readonly _handle?: { readonly _parentWrap?: { readonly stream?: Socket } | null } | null
}

/**
 * The stream below a TLS socket of a server, as it was given to 'connection': Node keeps a `net.Socket` as it is, and any
 * other Duplex inside a socket of its own.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_tls_wrap.js (TLSSocket, TLSSocket.prototype._init)
 */
export function carrierOf(secure: Socket): Socket | undefined {
  const { _parent, _handle } = secure as SecureSocket
  return _parent ?? _handle?._parentWrap?.stream
}

/** The names are unchanged since Node 0.10. */
interface HttpSocket {
  readonly _httpMessage?: ServerResponse | null
  readonly _paused?: boolean
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null
  readonly _handle?: Handle | null
}

interface Handle {
  readonly writeQueueSize?: number
  /** Of TLS: the handle that carries the encrypted bytes. */
  readonly _parent?: Handle | null
}

/** The response that is being written on a connection, or will be next. */
export function responseOn(socket: Socket): ServerResponse | undefined {
  return (socket as HttpSocket)._httpMessage ?? undefined
}

/**
 * The request that Node's parser has read last on a connection: null once its body has been read to its end, and
 * undefined where there is no parser.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (clearIncoming)
 */
export function requestOn(socket: Socket): IncomingMessage | null | undefined {
  return (socket as HttpSocket).parser?.incoming
}

/**
 * Whether Node throws a request's body away, because its response was finished before anybody began to read it.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_incoming.js (_dump)
 */
export function isThrownAway(request: IncomingMessage): boolean | undefined {
  return (request as { _dumped?: boolean })._dumped
}

/** Whether Node has stopped reading from a client that pipelines faster than it is answered. */
export function isHeldBack(socket: Socket): boolean {
  return (socket as HttpSocket)._paused === true
}

/** How many bytes were written and are still in this process: in the stream, in libuv, and below TLS. */
export function unsentBytes(socket: Socket): number | undefined {
  const { _handle: handle } = socket as HttpSocket
  // A destroyed socket has no handle, nor has a stream that is no socket.
  if (handle === undefined || handle === null) return socket.writableLength
  if (typeof handle.writeQueueSize !== 'number') return undefined
  return socket.writableLength + handle.writeQueueSize + (handle._parent?.writeQueueSize ?? 0)
}

/** The header fields that Node is about to serialise: its own record of `setHeader()`, or what `writeHead()` was given. */
export type HeaderFields = object | readonly unknown[] | null | undefined

type StoreHeader = (this: ServerResponse, firstLine: string, fields: HeaderFields, ...rest: unknown[]) => void

/**
 * Calls back when a response's head is serialised, however the application writes it: every way ends in this one
 * method, which is also called on a response whose `writeHead` somebody has wrapped.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_outgoing.js (_storeHeader)
 * @param target one response, or the prototype of all
 * @param rewrite returns the header fields to serialise
 */
export function onSerialise(
  target: ServerResponse,
  rewrite: (response: ServerResponse, fields: HeaderFields) => HeaderFields,
): Release | undefined {
  const writer = target as unknown as { _storeHeader: StoreHeader }
  if (typeof writer._storeHeader !== 'function') return undefined
  return shadow(
    writer,
    '_storeHeader',
    (original) =>
      function (this: ServerResponse, firstLine, fields, ...rest): void {
        Reflect.apply(original, this, [firstLine, rewrite(this, fields), ...rest])
      },
  )
}

/** Whether these header fields are Node's own record of what was set on the response, and not an argument of `writeHead()`. */
export function isOwnRecord(response: ServerResponse, fields: object): boolean {
  return Object.getOwnPropertySymbols(response).some((symbol) => Reflect.get(response, symbol) === fields)
}

/** One end of an IPC channel of Node's. It emits 'message' and, once, 'disconnect'. */
export interface Channel extends EventEmitter {
  readonly connected: boolean
  readonly channel?: { ref(): void; unref(): void } | null
  send(
    message: object,
    handle: SendHandle | undefined,
    options: object,
    callback: (error: Error | null) => void,
  ): void
  disconnect(): void
}

/** What Node keeps on the end of a channel. Messages wait in the queue while a handle awaits its receipt. */
interface HandleQueue {
  _handleQueue?: unknown[] | null
  _disconnect?(): void
}

/**
 * Makes a channel emit 'disconnect' when the process at the other end dies, even if a handle was on its way there. Node
 * puts the end of the channel off until the receipt has come, which never does.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (target.disconnect)
 */
export function endWithoutReceipts(channel: Pick<Channel, 'connected' | 'disconnect'>): void {
  const internals = channel as Channel & HandleQueue
  shadow(internals, 'disconnect', (disconnect) => () => {
    disconnect.call(internals)
    if (internals.connected || !Array.isArray(internals._handleQueue)) return
    internals._handleQueue = null
    internals._disconnect?.()
  })
}

interface Spawnable {
  readonly _handle: { spawn?: (this: unknown, ...given: unknown[]) => number }
  spawn(options: object): void
}

interface Options {
  readonly stdio?: readonly unknown[]
}

/** An entry of the stdio that `ChildProcess.spawn()` prepares. */
interface StdioEntry {
  readonly ipc?: boolean
  readonly handle?: { open(fd: number): number }
}

/** libuv's `EINVAL`: Node then gives the attempt up. */
const invalid = -22

/**
 * Opens the end of an IPC channel that this process has inherited, as an object of its own. Node itself makes one of it
 * only for `process`, where the application would see it. A `ChildProcess` is given a channel when its process has been
 * spawned: here nothing is spawned, and the channel that it made is opened on our descriptor.
 * https://github.com/nodejs/node/blob/v24.11.0/lib/internal/child_process.js (ChildProcess.prototype.spawn)
 */
export function openChannel(fd: number): Channel | undefined {
  try {
    // libuv aborts the process when it reads messages from anything else.
    if (!isSocket(fd)) return undefined
    const child = new ChildProcess()
    const { _handle: handle } = child as unknown as Spawnable
    let isOpen = false
    handle.spawn = (...given) => {
      // Node 20 and 22 pass an object that has them, later the entries themselves.
      const entries = given.flatMap((each) => (Array.isArray(each) ? each : (each as Options)?.stdio) ?? [])
      const pipe = (entries as StdioEntry[]).find((entry) => entry?.ipc === true)?.handle
      const result = pipe?.open(fd) ?? invalid
      isOpen = result === 0
      return result
    }
    ;(child as unknown as Spawnable).spawn({
      file: '',
      args: [],
      envPairs: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    if (!isOpen || !child.connected) return undefined
    // A process lives for its servers, not for its predecessor; and one that has died is no 'error' of this process.
    child.channel?.unref()
    child.on('error', () => {})
    endWithoutReceipts(child)
    return child as unknown as Channel
  } catch {
    return undefined
  }
}

export interface Program {
  readonly file: string
  /** The first is the name under which the program finds itself called. */
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** With 'ipc' in it. */
  readonly stdio: StdioOptions
}

/**
 * Starts a program with a channel that it is not told of: `child_process.spawn()` names its descriptor in two variables,
 * and Node makes a channel of `process` out of what they name.
 * @returns undefined if Node does not let itself be kept from that
 * @throws what `child_process.spawn` throws
 */
export function spawnUntold({ file, args, cwd, env, stdio }: Program): ChildProcess | undefined {
  const envPairs = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${value}`,
  )
  const given = envPairs.length
  const child = new ChildProcess()
  const spawnable = child as unknown as Spawnable
  const { _handle: handle } = spawnable
  const { spawn } = handle
  if (typeof spawn !== 'function') return undefined
  handle.spawn = (...options) => {
    delete handle.spawn
    const added = envPairs.splice(given)
    envPairs.push(...added.filter((pair) => !pair.startsWith('NODE_CHANNEL_')))
    return spawn.apply(handle, options)
  }
  spawnable.spawn({ file, args: [...args], cwd, envPairs, stdio })
  return child
}

/**
 * The native handle of a listening socket. Node calls these methods on the object itself. libuv's accept calls
 * `onconnection`, and node:cluster does in a worker.
 */
export interface ListeningHandle {
  /** Undefined on Windows, and in a worker of node:cluster. */
  readonly fd?: number
  onconnection?: (status: number, handle: unknown) => void
  listen(backlog: number): number
  close(callback?: () => void): void
}

/** The native handle of a listening server, or of one that is about to listen. */
export function listeningHandle(server: Server): ListeningHandle | undefined {
  return (server as { _handle?: ListeningHandle | null })._handle ?? undefined
}

/** Says what `address()` of a server on a Unix socket returns. */
export function nameAddress(server: Server, path: string): void {
  ;(server as { _pipeName?: string })._pipeName = path
}

/**
 * Takes a server's handle away and closes it, as Node does when `listen()` fails: no 'close' is emitted.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (setupListenHandle)
 */
export function discardListeningHandle(server: Server): void {
  listeningHandle(server)?.close()
  ;(server as { _handle?: ListeningHandle | null })._handle = null
}

/** Whether a server that does not listen keeps its handle where `onListeningHandle` looks for it. */
export function keepsListeningHandle(server: Server): boolean {
  const own = Object.getOwnPropertyDescriptor(server, '_handle')
  return own?.configurable === true && own.value === null
}

/**
 * Keeps a server from emitting 'close' for as long as its closing can be taken back.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (Server.prototype._emitCloseIfDrained)
 * @returns a function that ends that: the server emits 'close' if it has closed by then
 */
export function postponeClose(server: Server): Release {
  const internals = server as Server & { _emitCloseIfDrained?: () => void }
  if (typeof internals._emitCloseIfDrained !== 'function') return () => {}
  let due = false
  const restore = shadow(
    internals as { _emitCloseIfDrained: () => void },
    '_emitCloseIfDrained',
    () => () => {
      due = true
    },
  )
  return () => {
    restore()
    if (due) internals._emitCloseIfDrained?.()
    due = false
  }
}

/**
 * Ends the interval in which an http server looks for connections that are too slow. `http.Server.close()` does that, but
 * also closes connections; `net.Server.close()` does not, and the interval keeps the server from being collected.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (httpServerPreClose)
 */
export function stopConnectionsChecking(server: Server): void {
  const key = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connectionsCheckingInterval',
  )
  if (key !== undefined) clearInterval(Reflect.get(server, key) as NodeJS.Timeout | undefined)
}

/**
 * Makes the list of connections of an http server that does not listen, as Node does at 'listening'. Connections that it
 * was given before are not in there.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (setupConnectionsTracking)
 * @returns undefined if Node does that elsewhere
 */
export function trackConnections(server: Server): true | undefined {
  const track = server.rawListeners('listening').find(({ name }) => name === 'setupConnectionsTracking')
  if (track === undefined) return undefined
  Reflect.apply(track, server, [])
  return true
}

/**
 * The server that a socket belongs to: the one that has accepted it, until an http server that is given it takes it over.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (onconnection)
 */
export function ownerOf(socket: Socket): Server | undefined {
  const { server } = socket as { server?: unknown }
  return server instanceof Server ? server : undefined
}

/**
 * Calls back, once, when Node gives a server its handle: after the handle was created or has adopted a descriptor, and
 * before Node tells it to listen.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (setupListenHandle)
 * @returns a function that ends the wait; undefined if the server has a handle already, or keeps it in another way
 */
export function onListeningHandle(
  server: Server,
  listener: (handle: ListeningHandle) => void,
): (() => void) | undefined {
  const own = Object.getOwnPropertyDescriptor(server, '_handle')
  if (own === undefined || !keepsListeningHandle(server)) return undefined
  let waiting = true
  const end = (value: unknown): void => {
    waiting = false
    Object.defineProperty(server, '_handle', { ...own, value })
  }
  Object.defineProperty(server, '_handle', {
    configurable: true,
    enumerable: own.enumerable ?? true,
    get: () => null,
    set(handle: ListeningHandle | null) {
      end(handle)
      if (handle !== null) listener(handle)
    },
  })
  return () => {
    if (waiting) end(null)
  }
}

/**
 * Calls back when a listening server is given its first connection, and unlike a listener of 'connection' cannot be seen by
 * the application.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (onconnection)
 */
export function onFirstConnection(server: Server, listener: () => void): Release | undefined {
  const handle = listeningHandle(server)
  if (typeof handle?.onconnection !== 'function') return undefined
  const restore = shadow(
    handle,
    'onconnection',
    (original) =>
      function (this: unknown, ...event: [status: number, handle: unknown]): void {
        restore()
        listener()
        Reflect.apply(original as (...given: unknown[]) => void, this, event)
      },
  )
  return restore
}

/** A listening socket whose connections are counted. */
export interface AcceptQueue {
  /** How many have been accepted so far. */
  readonly accepted: number
  /** The descriptor, where there is one. */
  readonly fd: number | undefined
  readonly isOpen: boolean
  /** Closes the socket at once. */
  close(): void
}

/** Servers whose connections are held. */
const holding = new WeakSet<Server>()

/**
 * Holds what is accepted for a server from now on: the connections are established, and nothing is read from them until
 * the socket has been closed. The server still has to be closed then.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (onconnection)
 */
export function holdAccepted(server: Server): AcceptQueue | undefined {
  const handle = listeningHandle(server)
  if (typeof handle?.onconnection !== 'function') return undefined
  const held: unknown[] = []
  holding.add(server)
  let count = 0
  const restore = shadow(handle, 'onconnection', (original) => (status: number, accepted: unknown): void => {
    if (status !== 0 || accepted === undefined) {
      Reflect.apply(original as (...event: unknown[]) => void, handle, [status, accepted])
      return
    }
    count++
    held.push(accepted)
  })
  return {
    fd: handle.fd,
    get accepted() {
      return count
    },
    get isOpen() {
      return server.listening
    },
    close() {
      handle.close()
      restore()
      holding.delete(server)
      for (const accepted of held.splice(0)) give(handle, accepted)
    },
  }
}

/** Counts what is accepted on a native handle from now on. */
export function watchAccepted(handle: ListeningHandle): AcceptQueue {
  let count = 0
  const restore = shadow(handle, 'onconnection', (original) => (...event): void => {
    count++
    Reflect.apply(original ?? (() => {}), handle, event)
  })
  return {
    fd: handle.fd,
    get accepted() {
      return count
    },
    get isOpen() {
      return handle.fd === undefined || handle.fd >= 0
    },
    close() {
      restore()
      handle.close()
    },
  }
}

/**
 * Calls back when node:cluster has bound a socket in the primary that the workers accept on themselves (SCHED_NONE). It
 * is the only user of this function of node:net.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/cluster/shared_handle.js
 */
export function onSharedHandle(listener: (handle: ListeningHandle) => void): Release | undefined {
  const maker = net as unknown as { _createServerHandle?: (...args: unknown[]) => ListeningHandle | number }
  const { _createServerHandle: create } = maker
  if (typeof create !== 'function') return undefined
  return shadow(maker, '_createServerHandle', (original) => (...args) => {
    const handle = (original ?? create)(...args)
    if (typeof handle === 'object') listener(handle)
    return handle
  })
}

/** Marks our own among the messages that Node keeps from the application by their prefix. */
const internalCommand = 'NODE_ZERODROP'

/** The two ends of a channel to a worker of node:cluster: the worker's own process, and the primary's view of it. */
export type ChannelEnd = Pick<NodeJS.Process, 'connected' | 'send'> & EventEmitter

/**
 * Sends a message over the channel between a worker of node:cluster and its primary that no application sees: Node emits
 * messages whose `cmd` begins with `NODE_` as 'internalMessage', in order with all others. It is lost, without an error,
 * where nobody listens for it, or where the channel is closed.
 * https://nodejs.org/docs/latest-v20.x/api/child_process.html#subprocesssendmessage-sendhandle-options-callback
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (isInternal)
 */
export function sendInternalMessage(end: ChannelEnd, message: object): void {
  if (!end.connected) return
  try {
    end.send?.({ cmd: internalCommand, ...message }, undefined, undefined, () => {})
  } catch {
    // The channel closes at this moment: as lost as above.
  }
}

/** Hears what `sendInternalMessage()` sends from the other end. */
export function onInternalMessage(end: ChannelEnd, listener: (message: object) => void): Release {
  const onMessage = (message: { cmd?: unknown }): void => {
    if (message.cmd === internalCommand) listener(message)
  }
  end.on('internalMessage', onMessage)
  return () => end.off('internalMessage', onMessage)
}

/**
 * Whether node:cluster has just called `listen()` on a server, to accept connections for workers. Node then takes its
 * handle away, and the server is never used. To be called inside `listen()`.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/cluster/round_robin_handle.js
 */
export function isClusters(server: Server): boolean {
  if (server.constructor !== Server || server.listenerCount('connection') !== 1) return false
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 50
  const { stack = '' } = new Error('listen')
  Error.stackTraceLimit = stackTraceLimit
  return stack.includes('node:internal/cluster/')
}

/** Throws nothing: what a listener of 'connection' throws is uncaught, as it is where libuv calls. */
function give(handle: ListeningHandle, accepted: unknown): void {
  try {
    handle.onconnection?.(0, accepted)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/** The end of a connection that libuv reads. */
interface NativeHandle {
  /** Whether Node has asked for what arrives. */
  reading?: boolean
  readStop(): number
  readStart(): number
}

const movable = ['TCP', 'Pipe']

/**
 * The handle of a connection that the kernel knows and Node has not wrapped: another process can go on with it. Undefined
 * for any other stream, such as a TLS socket or a Duplex, which lives in this process only.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (createHandle)
 */
export function movableHandleOf(stream: Duplex): NativeHandle | undefined {
  if (!(stream instanceof Socket)) return undefined
  const { _handle: handle } = stream as Socket & { readonly _handle?: Partial<NativeHandle> | null }
  if (typeof handle?.readStop !== 'function' || typeof handle.readStart !== 'function') return undefined
  return movable.includes(handle.constructor.name) ? (handle as NativeHandle) : undefined
}

/**
 * Stops reading from a connection without its stream, and so its application, noticing. Bytes that arrive wait in the
 * kernel for the process that reads next.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (tryReadStart, Socket.prototype.pause)
 */
export function stopReading(
  socket: Socket,
): { readonly handle: object; readonly resume: Release } | undefined {
  const handle = movableHandleOf(socket)
  if (handle === undefined) return undefined
  handle.readStop()
  return {
    handle,
    resume: () => {
      // One that Node has stopped to read meanwhile, or before, stays as Node wants it.
      if (!socket.destroyed && movableHandleOf(socket) === handle && handle.reading !== false)
        handle.readStart()
    },
  }
}

/**
 * Gives a native handle to a server as if the server had accepted it: it is counted and treated like its own.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (onconnection)
 * @returns the connection, undefined if the server has not taken it: the caller still has the handle then
 */
export function acceptHandle(server: Server, handle: unknown): Socket | undefined {
  const listening = listeningHandle(server)
  if (handle === undefined || !canAcceptHandle(server)) return undefined
  let socket: Socket | undefined
  const onConnection = (arrived: Socket): void => {
    socket = arrived
  }
  server.prependListener('connection', onConnection)
  try {
    listening?.onconnection?.(0, handle)
  } finally {
    server.off('connection', onConnection)
  }
  return socket
}

/** Whether the connections of a server are held: one that it accepts reaches it later. */
export function holdsAccepted(server: Server): boolean {
  return holding.has(server)
}

/** Whether a server would take a native handle. Beyond `maxConnections` Node drops it, and its client sees a reset. */
export function canAcceptHandle(server: Server): boolean {
  if (typeof listeningHandle(server)?.onconnection !== 'function') return false
  const count = (server as { _connections?: number })._connections ?? 0
  return server.maxConnections === undefined || count < server.maxConnections
}

/** What Node's HTTP/1 parser is attached to. */
export interface Parser {
  readonly socket: Socket | null
}

/** Node's list of what its parsers read on an http server. */
export interface ConnectionsList {
  all(): Parser[]
  /** Those that have read a message to its end and have not begun another. */
  idle(): Parser[]
  /** Those of which a message has begun, or none ever came; from Node 26 on the latter are in both lists. */
  active(): Parser[]
}

/**
 * The list of connections of an http server, under a symbol of this description since Node 18.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (kConnections)
 */
export function connectionsListOf(server: object): Partial<ConnectionsList> | undefined {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  return symbol && (Reflect.get(server, symbol) as Partial<ConnectionsList> | undefined)
}

/** Node's handle of a UDP socket, with what is used of it: it calls these methods on the object itself. */
export interface DatagramHandle {
  readonly fd: number
  bind: (address: string, port: number, flags: number) => number
  open(fd: number): number
  recvStart(): number
  recvStop(): number
  close(callback?: () => void): void
  addMembership(...group: unknown[]): number
  addSourceSpecificMembership(...group: unknown[]): number
}

/**
 * The native handle of a UDP socket, under a symbol of this description since Node 11. Undefined once it is closed.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/dgram.js (kStateSymbol)
 */
export function datagramHandleOf(socket: object): DatagramHandle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  )
  const state = symbol && (Reflect.get(socket, symbol) as { handle?: DatagramHandle | null } | undefined)
  return state?.handle ?? undefined
}

/**
 * Gives a TLS server that is open already another session id context.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_tls_wrap.js (Server.prototype.setSecureContext)
 * @returns undefined if that is impossible: the server is as it was
 */
export function setSessionIdContext(server: Server, context: string): true | undefined {
  const internals = server as Server & {
    sessionIdContext?: string
    readonly _sharedCreds?: { readonly context?: { setSessionIdContext?(context: string): void } }
  }
  const { context: native } = internals._sharedCreds ?? {}
  if (native?.setSessionIdContext === undefined) return undefined
  native.setSessionIdContext(context)
  internals.sessionIdContext = context
  return true
}

/**
 * Whether a channel keeps messages in a queue while a handle awaits its receipt, where `skipReceipt()` finds it.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (target._send)
 */
export function hasHandleQueue(channel: object): boolean {
  return '_handleQueue' in channel
}

/** Lets the next message follow a handle at once, unless others wait already. */
export function skipReceipt(channel: object): void {
  const queue = channel as HandleQueue
  if (queue._handleQueue?.length === 0) queue._handleQueue = null
}

/** A receipt has come, for which Node insists on a queue. */
export function expectReceipt(channel: object): void {
  ;(channel as HandleQueue)._handleQueue ??= []
}

interface Outgoing {
  readonly _header?: unknown
  readonly _headerSent?: unknown
}

/**
 * The head of a response as Node writes it, once the application has decided on it. `getHeader()` does not know what
 * `writeHead()` was given.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_outgoing.js (_storeHeader, _send)
 */
export function headOf(response: ServerResponse): string | undefined {
  const { _header: head } = response as Outgoing
  return typeof head === 'string' ? head : undefined
}

/** The same, once it is on its way to the client: `headersSent` is true before, and Node 26 waits for more to send with it. */
export function sentHead(response: ServerResponse): string | undefined {
  return (response as Outgoing)._headerSent === true ? headOf(response) : undefined
}

/** The end of the channel that Node opened for `process`, where the process was started with one. */
export interface ParentPipe {
  readonly fd: number
  readonly serialization: 'json' | 'advanced'
  /** Goes on to read, behind what somebody else has read of a message. */
  readStart(rest: Buffer): void
  /** @returns what it has read of a message that has not come whole; it forgets that */
  readStop(): Buffer
}

/** What of it is there in either serialization. */
interface ChannelHandle {
  readonly fd: number
  buffering?: boolean
  readStart(): void
  readStop(): void
  [symbol: symbol]: unknown
}

/**
 * How to stop and start the reading of the channel of `process`: Node starts it once, and has nothing public to stop it.
 * https://github.com/nodejs/node/blob/v24.11.0/lib/internal/child_process.js (setupChannel), and for what it keeps of a
 * message https://github.com/nodejs/node/blob/v24.11.0/lib/internal/child_process/serialization.js
 */
export function parentPipe(): ParentPipe | undefined {
  const key = symbolOf(process, 'kChannelHandle')
  const handle = key && (Reflect.get(process, key) as ChannelHandle | undefined)
  if (typeof handle?.readStop !== 'function' || typeof handle.readStart !== 'function') return undefined
  if (!Number.isInteger(handle.fd) || handle.fd < 0) return undefined
  const { fd } = handle
  const [text, decoder] = [symbolOf(handle, 'kJSONBuffer'), symbolOf(handle, 'kStringDecoder')]
  if (text !== undefined && decoder !== undefined)
    return { fd, serialization: 'json', ...jsonReader(handle, text, decoder) }
  const [chunks, size] = [symbolOf(handle, 'kMessageBuffer'), symbolOf(handle, 'kMessageBufferSize')]
  if (chunks !== undefined && size !== undefined)
    return { fd, serialization: 'advanced', ...advancedReader(handle, chunks, size) }
  return undefined
}

type Reader = Pick<ParentPipe, 'readStart' | 'readStop'>

/** A line as far as it was decoded, and a decoder that has the bytes of a character that has not come whole. */
function jsonReader(handle: ChannelHandle, text: symbol, decoder: symbol): Reader {
  const set = (rest: Buffer): void => {
    const fresh = new StringDecoder('utf8')
    Object.assign(handle, { [text]: fresh.write(rest), [decoder]: fresh, buffering: rest.length > 0 })
  }
  return {
    readStart(rest) {
      if (rest.length > 0) set(rest)
      handle.readStart()
    },
    readStop() {
      handle.readStop()
      const { lastChar, lastNeed = 0, lastTotal = 0 } = (handle[decoder] ?? {}) as Partial<PartialCharacter>
      const character =
        lastNeed > 0 && lastChar !== undefined ? lastChar.subarray(0, lastTotal - lastNeed) : []
      const rest = Buffer.concat([Buffer.from(handle[text] as string), Buffer.from(character)])
      set(Buffer.alloc(0))
      return rest
    },
  }
}

/** What a `StringDecoder` has had of a character. */
interface PartialCharacter {
  readonly lastChar: Buffer
  readonly lastNeed: number
  readonly lastTotal: number
}

/** The chunks of a message, and how many bytes they have. */
function advancedReader(handle: ChannelHandle, chunks: symbol, size: symbol): Reader {
  const set = (rest: Buffer): void => {
    const isEmpty = rest.length === 0
    Object.assign(handle, { [chunks]: isEmpty ? [] : [rest], [size]: rest.length, buffering: !isEmpty })
  }
  return {
    readStart(rest) {
      if (rest.length > 0) set(rest)
      handle.readStart()
    },
    readStop() {
      handle.readStop()
      const rest = Buffer.concat(handle[chunks] as Buffer[])
      set(Buffer.alloc(0))
      return rest
    },
  }
}

/** A symbol of Node's, which only its name tells from others. */
function symbolOf(target: object, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(target).find(({ description }) => description === name)
}

/**
 * Publishes on a channel of `node:diagnostics_channel`. Node makes what a subscriber throws an uncaught exception, which
 * would end the process in the middle of a drain.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/diagnostics_channel.js (ActiveChannel.publish)
 * @returns what subscribers threw
 */
export function publish(target: DiagnosticsChannel, message: unknown): unknown[] {
  if (!target.hasSubscribers) return []
  const { _subscribers: subscribers } = target as { _subscribers?: unknown }
  if (!Array.isArray(subscribers)) {
    target.publish(message)
    return []
  }
  const errors: unknown[] = []
  for (const subscriber of subscribers as ChannelListener[]) {
    try {
      subscriber(message, target.name)
    } catch (error) {
      errors.push(error)
    }
  }
  return errors
}

/** What `tls.createServer()` was given, as Node keeps it on the server. */
interface SecureServer {
  readonly _contexts?: readonly unknown[]
  readonly requestCert?: boolean
}

/** The options by which a server decides whom it lets in, and over which kind of connection. */
const securityOptions = [
  'rejectUnauthorized',
  'ca',
  'crl',
  'pfx',
  'minVersion',
  'maxVersion',
  'secureProtocol',
  'secureOptions',
  'ciphers',
  'honorCipherOrder',
  'ecdhCurve',
  'sigalgs',
  'dhparam',
] as const

/** How a TLS server treats its clients. */
export interface SecureSettings {
  readonly asksForCertificate: boolean
  /** Whether it has contexts for server names. */
  readonly hasContexts: boolean
  /** Whether functions of the application decide, by server name or by pre-shared key. */
  readonly hasCallbacks: boolean
  /** Of the options, in a fixed order. */
  readonly values: readonly unknown[]
}

/**
 * Node keeps the options as properties of the server, and the callbacks under symbols.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_tls_wrap.js (Server, Server.prototype.setSecureContext)
 */
export function secureSettingsOf(server: Server): SecureSettings | undefined {
  const { _contexts: contexts, requestCert } = server as Server & SecureServer
  if (!Array.isArray(contexts) || typeof requestCert !== 'boolean') return undefined
  if (!securityOptions.every((name) => name in server)) return undefined
  const symbols = Object.getOwnPropertySymbols(server)
  const callbacks = ['snicallback', 'pskcallback'].map((name) =>
    symbols.find((each) => each.description === name),
  )
  if (callbacks.includes(undefined)) return undefined
  return {
    asksForCertificate: requestCert,
    hasContexts: contexts.length > 0,
    hasCallbacks: callbacks.some((symbol) => Reflect.get(server, symbol as symbol) !== undefined),
    values: securityOptions.map((name) => Reflect.get(server, name) as unknown),
  }
}
