/** How much of an incomplete line is kept: enough to read an id. */
const mostOfLine = 4096

/**
 * Follows the bytes written to an event stream: the id of its last event, as a client would send it in
 * `Last-Event-ID`, and whether an event is incomplete. Text is the Latin-1 form of the bytes on the wire, as
 * in header values.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventPosition {
  /** The id of the last event that was written completely. */
  #id: string
  /** The id of the event that is being written. */
  #nextId: string
  #line = ''
  #inEvent = false
  #afterReturn = false

  /** @param id the id that the client sent in its request */
  constructor(id = '') {
    this.#id = id
    this.#nextId = id
  }

  get id(): string {
    return this.#id
  }

  /** Whether the next line begins an event, so that another process may write there. */
  get isBetweenEvents(): boolean {
    return this.#line === '' && !this.#inEvent
  }

  add(chunk: unknown, encoding?: unknown): void {
    let text = bytesOf(chunk, encoding).toString('latin1')
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1)
    if (text === '') return
    this.#afterReturn = text.endsWith('\r')
    const lines = text.split(/\r\n|\r|\n/)
    const rest = lines.pop() ?? ''
    for (const [index, line] of lines.entries()) this.#onLine(index === 0 ? this.#line + line : line)
    this.#line = (lines.length === 0 ? this.#line + rest : rest).slice(0, mostOfLine)
  }

  #onLine(line: string): void {
    if (line === '') {
      this.#id = this.#nextId
      this.#inEvent = false
    } else if (!line.startsWith(':')) {
      this.#inEvent = true
      const [, value] = /^id(?:: ?(.*))?$/s.exec(line) ?? []
      const isId = line === 'id' || line.startsWith('id:')
      if (isId && !(value ?? '').includes('\0')) this.#nextId = value ?? ''
    }
  }
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
  return chunk instanceof Uint8Array
    ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    : Buffer.alloc(0)
}
