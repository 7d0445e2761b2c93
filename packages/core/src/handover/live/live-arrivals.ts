import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Connections } from '../../connections/connections.ts'
import { isChunked, isEncoded, isEventStream } from '../../connections/event-stream.ts'
import { noteUsed } from '../../connections/mark-as-used.ts'
import { webSocketOn } from '../../connections/web-socket.ts'
import { extensionsIn } from '../../connections/ws-deflate.ts'
import type { MovedCounts } from '../../events/drain-report.ts'
import type { Address } from '../../listeners/address.ts'
import { acceptHandle, holdsAccepted } from '../../system/node-internals.ts'
import type { Release, System } from '../../system/system.ts'
import type { Predecessor } from '../predecessor.ts'
import type { Body } from '../protocol.ts'
import type { Handover } from './handover.ts'
import { replay } from './replay.ts'
import { decodeCall, decodeState } from './saved-state.ts'

type Offer = Body & { type: 'live' }

/** A close frame of the server with 1012, "Service Restart". */
const farewell = Buffer.from([0x88, 2, 1012 >> 8, 1012 & 0xff])

const lastChunk = Buffer.from('0\r\n\r\n')

/** A WebSocket that was taken over. */
interface AdoptedWebSocket {
  readonly socket: Socket
  /** Calls that arrived before the application's handlers got the WebSocket; undefined after that. */
  waiting: string[] | undefined
}

/**
 * The successor's side: takes over WebSockets and event streams, and lets the server handle their requests
 * again.
 */
export class LiveArrivals {
  readonly #system: System
  readonly #handover: Handover
  readonly #offers = new Map<number, Offer>()
  readonly #adopted = new Map<number, AdoptedWebSocket>()
  readonly #taken = { websockets: 0, streams: 0 }

  constructor(system: System, handover: Handover) {
    this.#system = system
    this.#handover = handover
  }

  /** How many were taken. */
  get taken(): MovedCounts {
    return { ...this.#taken }
  }

  /** @param find the connections of the listening server of an address */
  listen(predecessor: Predecessor, find: (listener: Address) => Connections | undefined): Release {
    const releases = [
      predecessor.on('live', (offer) => this.#offers.set(offer.id, offer)),
      predecessor.on('late', ({ id, call }) => this.#onLate(id, call)),
      predecessor.on('catch-up', () => predecessor.sendCaughtUp()),
      predecessor.on('live-handle', ({ id }, handle) => {
        const offer = this.#offers.get(id)
        this.#offers.delete(id)
        const connections = offer && find(offer.listener)
        const state = offer && readState(offer)
        const socket = offer && connections && state && this.#take(offer, connections, handle)
        if (socket === undefined) (handle as { close?(): void } | undefined)?.close?.()
        predecessor.sendLiveAnswer(id, socket !== undefined)
        if (offer !== undefined && connections !== undefined && socket !== undefined)
          this.#handle(offer, connections, socket, state?.state)
      }),
    ]
    return () => {
      for (const release of releases) release()
      for (const [id, { waiting }] of this.#adopted) if (waiting === undefined) this.#adopted.delete(id)
    }
  }

  #take({ kind, name }: Offer, { http }: Connections, handle: unknown): Socket | undefined {
    const { streams, webSockets } = this.#handover.takes
    if (http === undefined) return undefined
    const answered =
      kind === 'stream' ? streams : webSockets.includes(name) && http.listenerCount('upgrade') > 0
    // A draining server would get it later, as a client that has just connected.
    return answered && !holdsAccepted(http) ? acceptHandle(http, handle) : undefined
  }

  #handle(offer: Offer, { server }: Connections, socket: Socket, state: unknown): void {
    // Bytes that the replay reads do not count.
    noteUsed(socket)
    const bytes = Buffer.concat([Buffer.from(offer.head, 'latin1'), Buffer.from(offer.half, 'base64')])
    const restore = (request: IncomingMessage): void => this.#handover.restore(request, state)
    if (offer.kind === 'websocket') {
      this.#taken.websockets++
      if (offer.window !== '') this.#handover.restoreWindow(socket, Buffer.from(offer.window, 'base64'))
      const adopted: AdoptedWebSocket = { socket, waiting: [] }
      this.#adopted.set(offer.id, adopted)
      socket.once('close', () => this.#adopted.delete(offer.id))
      // First, so that the application's own listener finds the state.
      server.prependListener('upgrade', restore)
      try {
        replay(this.#system, socket, { bytes, judge: (head) => this.#judgeWebSocket(offer, head, adopted) })
      } finally {
        server.off('upgrade', restore)
      }
      return
    }
    this.#taken.streams++
    const onRequest = (exchange: unknown): void => {
      const { request, socket: at } = exchange as { request: IncomingMessage; socket: Socket }
      if (at === socket) restore(request)
    }
    subscribe('http.server.request.start', onRequest)
    try {
      replay(this.#system, socket, { bytes, judge: (head) => judgeStream(offer, head) })
    } finally {
      unsubscribe('http.server.request.start', onRequest)
    }
  }

  #judgeWebSocket(
    { protocol, extensions }: Offer,
    head: string,
    adopted: AdoptedWebSocket,
  ): Buffer | undefined {
    const same =
      head.startsWith('HTTP/1.1 101 ') &&
      valueIn(head, 'sec-websocket-protocol') === protocol &&
      extensionsIn(valueIn(head, 'sec-websocket-extensions')) === extensions
    if (!same) return farewell
    // The library sets its WebSocket on the socket after this.
    this.#system.setImmediate(() => {
      const calls = adopted.waiting ?? []
      adopted.waiting = undefined
      for (const call of calls) callLate(adopted.socket, call)
    })
    return undefined
  }

  #onLate(id: number, call: string): void {
    const adopted = this.#adopted.get(id)
    if (adopted === undefined) return
    if (adopted.waiting === undefined) callLate(adopted.socket, call)
    else adopted.waiting.push(call)
  }
}

/** Undefined if this process cannot read it: an older Node may not know the serialisation of a newer one. */
function readState({ state }: Offer): { readonly state: unknown } | undefined {
  try {
    return { state: decodeState(state) }
  } catch {
    return undefined
  }
}

function judgeStream({ chunked }: Offer, head: string): Buffer | undefined {
  const same = isEventStream(head) && isChunked(head) === chunked && !isEncoded(head)
  if (same) return undefined
  return chunked ? lastChunk : Buffer.alloc(0)
}

function callLate(socket: Socket, call: string): void {
  const webSocket = webSocketOn(socket)
  if (webSocket === undefined) return
  try {
    const [method, ...args] = decodeCall(call)
    const own: unknown = Reflect.get(webSocket, method)
    if (typeof own === 'function') Reflect.apply(own as (...args: unknown[]) => unknown, webSocket, args)
  } catch {
    // For example an invalid close code: the caller is in the other process.
  }
}

function valueIn(head: string, name: string): string {
  const line = head.split('\r\n').find((each) => each.toLowerCase().startsWith(`${name}:`))
  return line === undefined ? '' : line.slice(name.length + 1).trim()
}
