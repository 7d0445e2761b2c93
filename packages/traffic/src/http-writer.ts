/** What a request consists of. */
export interface RequestContent {
  /** @default 'GET' */
  method?: string
  /** @default '/' */
  path?: string
  /** `host` and the framing of the body are set unless given here. */
  headers?: Record<string, string>
  /** An iterable is written piece by piece as it yields: chunked, unless the headers have a content-length. */
  body?: string | Buffer | AsyncIterable<string | Buffer>
}

export interface EncodedRequest {
  /** The head, and the body with it if that is at hand. */
  first: Buffer
  /** The rest of the body as it has to be written. */
  rest: AsyncIterable<Buffer> | undefined
}

export function encodeRequest(content: RequestContent, host: string): EncodedRequest {
  const { method = 'GET', path = '/', body } = content
  const headers: Record<string, string> = { host }
  for (const [name, value] of Object.entries(content.headers ?? {})) headers[name.toLowerCase()] = value

  const whole = typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : undefined
  const pieces = whole === undefined ? (body as AsyncIterable<string | Buffer> | undefined) : undefined
  const framed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
  const chunked = pieces !== undefined && headers['content-length'] === undefined
  if (chunked) headers['transfer-encoding'] = 'chunked'
  else if (whole && !framed) headers['content-length'] = String(whole.length)

  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  return {
    first: whole ? Buffer.concat([head, whole]) : head,
    rest: pieces && (chunked ? inChunks(pieces) : asBuffers(pieces)),
  }
}

async function* asBuffers(pieces: AsyncIterable<string | Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece)
}

async function* inChunks(pieces: AsyncIterable<string | Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of asBuffers(pieces)) {
    // An empty chunk would say that the body ends here.
    if (piece.length === 0) continue
    yield Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
  }
  yield Buffer.from('0\r\n\r\n')
}
