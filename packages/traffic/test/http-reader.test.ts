import { HttpReader, type HttpResponse, type InterimResponse } from '@zerodrop/traffic'

function setUp(...methods: string[]) {
  const responses: HttpResponse[] = []
  const interims: InterimResponse[] = []
  const upgraded: string[] = []
  const reader = new HttpReader({
    onResponse: (response) => responses.push(response),
    onInterim: (interim) => interims.push(interim),
    onUpgraded: (chunk) => upgraded.push(chunk.toString()),
  })
  for (const method of methods) reader.expect(method)
  return {
    reader,
    responses,
    interims,
    upgraded,
    feed: (text: string) => reader.feed(Buffer.from(text, 'latin1')),
  }
}

const bodies = (responses: HttpResponse[]) => responses.map((response) => response.body.toString())

test('reads status line, headers and a body of stated length', () => {
  const { feed, responses, reader } = setUp()
  feed('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  one \r\nx-a: two\r\n\r\nhello')
  expect(responses).toHaveLength(1)
  expect(responses[0]).toMatchObject({
    status: 200,
    reason: 'OK',
    version: '1.1',
    complete: true,
    closes: false,
  })
  expect(responses[0]?.headers).toEqual({ 'content-length': '5', 'x-a': 'one, two' })
  expect(responses[0]?.rawHeaders).toEqual([
    ['Content-Length', '5'],
    ['X-A', 'one'],
    ['x-a', 'two'],
  ])
  expect(bodies(responses)).toEqual(['hello'])
  expect(reader.bytesPending).toBe(0)
})

const mixed = [
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext="a"\r\nhello\r\n00A\r\n, chunked \r\n0\r\nX-Sum: 15\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: Close\r\n\r\nend',
].join('')

test.each([1, 2, 3, 7, 64, 100_000])('reads pipelined answers cut into pieces of %d bytes', (size) => {
  const { feed, responses, interims } = setUp()
  for (let at = 0; at < mixed.length; at += size) feed(mixed.slice(at, at + size))
  expect(bodies(responses)).toEqual(['hello, chunked ', '', '', '', '', 'end'])
  expect(responses.map((response) => response.status)).toEqual([200, 204, 200, 200, 304, 200])
  expect(responses.map((response) => response.closes)).toEqual([false, false, false, false, false, true])
  expect(responses[0]?.trailers).toEqual({ 'x-sum': '15' })
  expect(interims).toEqual([{ status: 100, headers: {} }])
  expect(responses.map((response) => response.interim.length)).toEqual([1, 0, 0, 0, 0, 0])
})

test('an answer to HEAD has no body, whatever its headers say', () => {
  const { feed, responses } = setUp('GET', 'HEAD', 'GET')
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'
  feed(`${answer}ab${answer}${answer}cd`)
  expect(bodies(responses)).toEqual(['ab', '', 'cd'])
})

test('a body without a length ends with the connection', () => {
  const { feed, responses, reader } = setUp()
  feed('HTTP/1.1 200 OK\r\n\r\nall ')
  feed('of it')
  expect(responses).toEqual([])
  reader.end()
  expect(bodies(responses)).toEqual(['all of it'])
  expect(responses[0]?.closes).toBe(true)
})

test.each([
  ['status line', 'HTTP/1.1 20', undefined],
  ['fixed body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', 'half'],
  ['chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'half'],
  ['last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n', 'half'],
])('an end in the middle of the %s leaves the answer incomplete', (_, text, body) => {
  const { feed, responses, reader } = setUp()
  feed(text)
  reader.end()
  expect(responses).toEqual([])
  expect(reader.bytesPending).toBe(text.length)
  expect(reader.partial?.body.toString()).toBe(body)
  expect(reader.partial?.complete).toBe(body === undefined ? undefined : false)
})

test('what follows a 101 is no longer HTTP', () => {
  const { feed, responses, upgraded } = setUp()
  feed('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/')
  feed('anything')
  expect(responses.map((response) => response.status)).toEqual([101])
  expect(upgraded).toEqual(['HTTP/', 'anything'])
})

test('an HTTP/1.0 answer closes unless it says keep-alive', () => {
  const { feed, responses } = setUp()
  feed('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n')
  feed('HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n')
  expect(responses.map((response) => response.closes)).toEqual([false, true])
})

test.each([
  ['status line', 'SSH-2.0-OpenSSH\r\n\r\n'],
  ['header', 'HTTP/1.1 200 OK\r\nno colon\r\n\r\n'],
  ['content-length', 'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n'],
  ['transfer-encoding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
  ['chunk size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
  ['end of chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n'],
])('throws on a malformed %s', (what, text) => {
  const { feed } = setUp()
  expect(() => feed(text)).toThrow(`malformed ${what}`)
})
