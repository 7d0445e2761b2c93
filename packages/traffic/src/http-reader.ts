/** A header block: the map has lower-case names and joins repeated ones with `, `; `raw` is as sent. */
export interface HeaderBlock {
  map: Record<string, string>
  raw: [name: string, value: string][]
}

/** A 1xx answer, which announces another. 101 is not one of these: it is final. */
export interface InterimResponse {
  status: number
  headers: Record<string, string>
}

export interface HttpResponse {
  status: number
  reason: string
  version: '1.0' | '1.1'
  headers: Record<string, string>
  rawHeaders: [name: string, value: string][]
  trailers: Record<string, string>
  body: Buffer
  /** Interim answers that came before this one. */
  interim: InterimResponse[]
  /** Whether the server will close the connection after this: it says so, or the body's end is the close itself. */
  closes: boolean
  /** False only for what `partial` shows. */
  complete: boolean
}

export interface HttpReaderHandlers {
  onResponse(response: HttpResponse): void
  onInterim?(interim: InterimResponse): void
  /** Bytes after a 101: no longer HTTP. */
  onUpgraded?(chunk: Buffer): void
}

type State = 'head' | 'fixed' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'until-close' | 'upgraded'

const EMPTY = Buffer.alloc(0)
const LINE = Buffer.from('\r\n')
const BLANK_LINE = Buffer.from('\r\n\r\n')
const MAX_HEAD = 256 * 1024

/**
 * Reads HTTP/1.1 answers from the bytes of one connection, however they are cut, one after the other.
 *
 * Strict on purpose: a server under test that sends something odd is a finding, so `feed` throws on it. Tell it with
 * `expect` which methods were asked for, in order: an answer to HEAD has no body, whatever its headers say.
 */
export class HttpReader {
  readonly #handlers: HttpReaderHandlers
  readonly #methods: string[] = []
  #state: State = 'head'
  #buffer: Buffer = EMPTY
  #response: HttpResponse | undefined
  #interim: InterimResponse[] = []
  #body: Buffer[] = []
  /** Bytes still to come of a fixed body or of the chunk being read. */
  #missing = 0
  #bytesPending = 0

  constructor(handlers: HttpReaderHandlers) {
    this.#handlers = handlers
  }

  /** Bytes read of the answer that is not whole yet. */
  get bytesPending(): number {
    return this.#bytesPending
  }

  /** The part of an incomplete response that has been read; undefined until its head is complete. */
  get partial(): HttpResponse | undefined {
    return this.#response && { ...this.#response, body: Buffer.concat(this.#body) }
  }

  expect(method: string): void {
    this.#methods.push(method)
  }

  /** @throws Error if this is not HTTP; the reader is of no use after that. */
  feed(chunk: Buffer): void {
    this.#bytesPending += chunk.length
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    while (this.#buffer.length > 0 && this.#step());
  }

  /** The connection ended: what was to be read until the close is whole now. */
  end(): void {
    if (this.#state === 'until-close') this.#finish()
  }

  /** Reads one piece; false if that needs bytes that are not here yet. */
  #step(): boolean {
    switch (this.#state) {
      case 'head': {
        const head = this.#takeUntil(BLANK_LINE)
        if (head === undefined) return false
        this.#readHead(head)
        return true
      }
      case 'fixed':
        if (this.#takeBody()) this.#finish()
        return true
      case 'chunk-size': {
        const line = this.#takeUntil(LINE)
        if (line === undefined) return false
        const [, size] = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(line) ?? malformed('chunk size', line)
        this.#missing = Number.parseInt(size as string, 16)
        this.#state = this.#missing === 0 ? 'trailers' : 'chunk'
        return true
      }
      case 'chunk':
        if (this.#takeBody()) this.#state = 'chunk-end'
        return true
      case 'chunk-end': {
        if (this.#buffer.length < LINE.length) return false
        if (this.#takeUntil(LINE) !== '') malformed('end of chunk', '')
        this.#state = 'chunk-size'
        return true
      }
      case 'trailers': {
        const none = this.#buffer.subarray(0, LINE.length).equals(LINE)
        const block = this.#takeUntil(none ? LINE : BLANK_LINE)
        if (block === undefined) return false
        if (this.#response) this.#response.trailers = readHeaders(block.split('\r\n').filter(Boolean)).map
        this.#finish()
        return true
      }
      case 'until-close':
        this.#missing = Number.POSITIVE_INFINITY
        this.#takeBody()
        return true
      case 'upgraded':
        this.#handlers.onUpgraded?.(this.#take(this.#buffer.length))
        return true
    }
  }

  #readHead(head: string): void {
    const [statusLine = '', ...lines] = head.split('\r\n')
    const match =
      /^HTTP\/(1\.[01]) (\d{3})(?: (.*))?$/.exec(statusLine) ?? malformed('status line', statusLine)
    const status = Number(match[2])
    const { map: headers, raw: rawHeaders } = readHeaders(lines)
    if (status < 200 && status !== 101) {
      this.#interim.push({ status, headers })
      this.#bytesPending = this.#buffer.length
      this.#handlers.onInterim?.({ status, headers })
      return
    }
    const version = match[1] as '1.0' | '1.1'
    const connection = headers['connection']?.toLowerCase() ?? ''
    const closes = /\bclose\b/.test(connection) || (version === '1.0' && !/\bkeep-alive\b/.test(connection))
    this.#response = {
      status,
      reason: match[3] ?? '',
      version,
      headers,
      rawHeaders,
      trailers: {},
      body: EMPTY,
      interim: this.#interim,
      closes,
      complete: false,
    }
    this.#state = this.#bodyState(this.#response, this.#methods.shift() ?? 'GET')
  }

  /** Decides how the body ends (RFC 9112, 6.3); an answer without a body is finished here. */
  #bodyState(response: HttpResponse, method: string): State {
    const { status, headers } = response
    if (status === 101 || status === 204 || status === 304 || method === 'HEAD') return this.#finish()
    if (headers['transfer-encoding'] !== undefined) {
      const coding = headers['transfer-encoding'].toLowerCase()
      return coding === 'chunked' ? 'chunk-size' : malformed('transfer-encoding', coding)
    }
    const length = headers['content-length']
    if (length === undefined) {
      response.closes = true
      return 'until-close'
    }
    if (!/^\d{1,15}$/.test(length)) malformed('content-length', length)
    this.#missing = Number(length)
    return this.#missing === 0 ? this.#finish() : 'fixed'
  }

  /** Hands the answer out; returns the state to go on in, which is also set. */
  #finish(): State {
    const response = { ...(this.#response as HttpResponse), body: Buffer.concat(this.#body), complete: true }
    this.#response = undefined
    this.#interim = []
    this.#body = []
    this.#bytesPending = this.#buffer.length
    this.#state = response.status === 101 ? 'upgraded' : 'head'
    this.#handlers.onResponse(response)
    return this.#state
  }

  /** Moves what is here of the body; true when none of it is missing any more. */
  #takeBody(): boolean {
    const piece = this.#take(Math.min(this.#missing, this.#buffer.length))
    this.#body.push(piece)
    this.#missing -= piece.length
    return this.#missing === 0
  }

  #takeUntil(mark: Buffer): string | undefined {
    const end = this.#buffer.indexOf(mark)
    if (end > MAX_HEAD || (end < 0 && this.#buffer.length > MAX_HEAD)) malformed('head', 'too long')
    if (end < 0) return undefined
    const text = this.#buffer.toString('latin1', 0, end)
    this.#take(end + mark.length)
    return text
  }

  #take(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length)
    this.#buffer = this.#buffer.subarray(length)
    return taken
  }
}

function readHeaders(lines: string[]): HeaderBlock {
  const block: HeaderBlock = { map: {}, raw: [] }
  for (const line of lines) {
    const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? malformed('header', line)
    const key = (name as string).toLowerCase()
    const before = block.map[key]
    block.map[key] = before === undefined ? (value as string) : `${before}, ${value}`
    block.raw.push([name as string, value as string])
  }
  return block
}

function malformed(what: string, text: string): never {
  throw new Error(`malformed ${what}: ${JSON.stringify(text.slice(0, 80))}`)
}
