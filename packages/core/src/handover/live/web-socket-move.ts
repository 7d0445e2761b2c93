import type { Socket } from 'node:net'
import { hasUnflushed } from '../../connections/exchange.ts'
import { closeMoved } from '../../connections/moved.ts'
import { targetOf, type Upgraded } from '../../connections/upgrades.ts'
import { halfReceived } from '../../connections/half-received.ts'
import { isOpen, type WebSocketLike, webSocketOn } from '../../connections/web-socket.ts'
import { extensionsOf, keptWindow, readsAfresh } from '../../connections/ws-deflate.ts'
import { isAtRest } from '../../connections/ws-internals.ts'
import { understands } from '../../connections/ws-versions.ts'
import type { StayReason } from '../../events/drain-report.ts'
import { stopReading } from '../../system/node-internals.ts'
import type { Release, System } from '../../system/system.ts'
import type { Handover, Registration } from './handover.ts'
import { HeldCalls } from './held-calls.ts'
import { letGo } from './let-go.ts'
import type { Departure, Move } from './move.ts'
import { openingRequest } from './opening-request.ts'
import { decodeState, encodeState } from './saved-state.ts'

/**
 * The longest part of an incomplete message that is sent to another process; for longer ones, the move waits
 * for their end.
 */
const mostHalf = 16 * 1024 * 1024

/** How long to stop reading from a client that sends without a pause, in milliseconds. */
const busy = { before: 100, stopped: 1000, read: 1000 }

export interface WebSocketMoveContext {
  readonly system: System
  readonly handover: Handover
  readonly takesName: (name: string) => boolean
  readonly onWarning: (
    code: 'ERR_ZERODROP_WEBSOCKETS_UNKNOWN' | 'ERR_ZERODROP_SAVE_FAILED',
    cause?: unknown,
  ) => void
}

/** One WebSocket of `ws` that may move, between two frames or in the middle of an incoming frame. */
export class WebSocketMove implements Move {
  readonly kind = 'websocket'
  readonly socket: Socket
  readonly target: { readonly method: string; readonly url: string }
  readonly #upgraded: Upgraded
  readonly #context: WebSocketMoveContext
  #busySince: number | undefined
  #afterSave: (() => void) | undefined
  #stopped: { readonly resume: Release; readonly since: number } | undefined

  constructor(upgraded: Upgraded, context: WebSocketMoveContext) {
    this.socket = upgraded.socket
    this.target = targetOf(upgraded)
    this.#upgraded = upgraded
    this.#context = context
  }

  look(): 'ready' | 'busy' | 'over' | StayReason {
    const { socket } = this
    if (socket.destroyed) return 'over'
    const webSocket = webSocketOn(socket)
    if (webSocket === undefined) {
      // Its upgrade may not have been answered yet.
      return this.#upgraded.frames?.position === 'unanswered' ? 'busy' : 'other-implementation'
    }
    const registration = this.#context.handover.registrationOf(webSocket)
    if (registration === undefined) return 'not-registered'
    if (!this.#context.takesName(registration.name)) return 'not-taken'
    if (!understands(webSocket)) {
      this.#context.onWarning('ERR_ZERODROP_WEBSOCKETS_UNKNOWN')
      return 'other-version'
    }
    // Its close handshake is under way.
    if (!isOpen(webSocket)) return 'busy'
    if (!readsAfresh(webSocket) && keptWindow(webSocket) === undefined) return 'compressed'
    const ready = isAtRest(webSocket) && !hasUnflushed(socket) && halfReceived(webSocket).length <= mostHalf
    if (!ready) this.#makeRest()
    // Last, and while reading from the client again: the application may be waiting for its data.
    if (!ready) return 'busy'
    const agrees = this.#applicationAgrees(webSocket, registration)
    if (agrees === false) this.dispose()
    if (typeof agrees === 'string') return agrees
    return agrees ? 'ready' : 'busy'
  }

  depart(): Departure | StayReason {
    const { socket } = this
    const webSocket = webSocketOn(socket)
    const registration = webSocket && this.#context.handover.registrationOf(webSocket)
    if (webSocket === undefined || registration === undefined) return 'not-registered'
    const stopped = stopReading(socket)
    if (stopped === undefined) return 'no-descriptor'
    // Before `save`, which may send a message.
    const calls = new HeldCalls(webSocket)
    const state = this.#save(webSocket, registration)
    if (state === undefined) {
      calls.repeat()
      stopped.resume()
      this.#undoSave()
      return 'save-failed'
    }
    const unread = readWithoutListeners(socket)
    const { timeout = 0 } = socket
    socket.setTimeout(0)
    const window = keptWindow(webSocket)
    return {
      offer: {
        kind: 'websocket',
        name: registration.name,
        head: this.#upgraded.head,
        half: Buffer.concat([halfReceived(webSocket), unread]).toString('base64'),
        state,
        protocol: webSocket.protocol,
        extensions: extensionsOf(webSocket),
        window: window?.toString('base64') ?? '',
        chunked: false,
      },
      handle: stopped.handle,
      taken: (forward) => {
        registration.server.clients?.delete(webSocket)
        letGo(webSocket)
        closeMoved(socket)
        calls.forward(forward)
      },
      stays: () => {
        calls.repeat()
        if (socket.destroyed) return
        if (unread.length > 0) socket.unshift(unread)
        socket.setTimeout(timeout)
        stopped.resume()
        registration.options.stay?.(webSocket, decodeState(state))
      },
    }
  }

  #applicationAgrees(webSocket: WebSocketLike, { options }: Registration): boolean | 'save-failed' {
    try {
      return options.isAtRest?.(webSocket) ?? true
    } catch (error) {
      this.#context.onWarning('ERR_ZERODROP_SAVE_FAILED', error)
      return 'save-failed'
    }
  }

  dispose(): void {
    this.#stopped?.resume()
    this.#stopped = undefined
  }

  /**
   * Stops reading for a while, so that the application's responses get out, and reads again if that does not
   * help.
   */
  #makeRest(): void {
    const now = this.#context.system.now()
    this.#busySince ??= now
    if (this.#stopped !== undefined) {
      if (now - this.#stopped.since < busy.stopped) return
      this.dispose()
      this.#busySince = now + busy.read - busy.before
    } else if (now - this.#busySince >= busy.before) {
      const stopped = stopReading(this.socket)
      if (stopped !== undefined) this.#stopped = { resume: stopped.resume, since: now }
    }
  }

  #save(webSocket: WebSocketLike, { options }: Registration): string | undefined {
    const { save = () => true } = options
    let saved: { readonly state: unknown } | undefined
    try {
      return encodeState(() => {
        const state = save(webSocket, openingRequest(this.#upgraded.head))
        saved = { state }
        return state
      })
    } catch (error) {
      this.#context.onWarning('ERR_ZERODROP_SAVE_FAILED', error)
      // The application has stopped timers and left rooms, and the client stays here until it gets a close
      // frame.
      if (saved !== undefined) this.#afterSave = () => options.stay?.(webSocket, saved?.state)
      return undefined
    }
  }

  /** The state cannot be sent: the WebSocket stays here. */
  #undoSave(): void {
    try {
      this.#afterSave?.()
    } catch (error) {
      this.#context.onWarning('ERR_ZERODROP_SAVE_FAILED', error)
    }
  }
}

/** Data that was read from a connection but not delivered, because its stream is paused. */
function readWithoutListeners(socket: Socket): Buffer {
  if (socket.readableLength === 0) return Buffer.alloc(0)
  const listeners = socket.rawListeners('data')
  for (const listener of listeners) socket.off('data', listener as () => void)
  const chunk = socket.read() as Buffer | null
  const flowing = socket.readableFlowing
  for (const listener of listeners) socket.on('data', listener as () => void)
  if (flowing === false) socket.pause()
  return chunk ?? Buffer.alloc(0)
}
