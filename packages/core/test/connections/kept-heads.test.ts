import type { IncomingMessage } from 'node:http'
import { KeptHeads } from '../../src/connections/kept-heads.ts'
import { requestHead } from '../../src/connections/request-head.ts'

function request(url: string, rawHeaders: string[]): IncomingMessage {
  return { method: 'GET', url, httpVersion: '1.1', rawHeaders } as IncomingMessage
}

const usual = ['Host', 'example.org', 'Upgrade', 'websocket', 'User-Agent', 'Mozilla/5.0 (X11; Linux x86_64)']

test.each([
  ['usual headers', usual],
  ['a name twice', ['Cookie', 'a=1', 'Cookie', 'b=2', 'cookie', 'c=3']],
  ['an empty value', ['X-Empty', '', 'X-Empty', '']],
  ['a value that looks like a name', ['X-Odd', 'X-Odd: ', 'X-Odd', 'a: ']],
  ['bytes of Latin-1', ['X-Name', 'caf\xe9 \xff\x80', '\x7f-name', '\x01']],
  ['a long value', ['X-Long', 'x'.repeat(20_000)]],
  ['a long name', ['x'.repeat(20_000), 'long']],
  ['no header', []],
])('a head with %s is restored byte for byte every time', (_, rawHeaders) => {
  const heads = new KeptHeads()
  for (const url of ['/', '/socket?token=1', '/caf\xe9', '*']) {
    const each = request(url, rawHeaders)
    const [first, second] = [heads.pack(each), heads.pack(each)]
    expect(heads.unpack(first)).toBe(requestHead(each))
    expect(heads.unpack(second)).toBe(requestHead(each))
  }
})

test('a head made of known lines is stored in two characters', () => {
  const heads = new KeptHeads()
  heads.pack(request('/socket', usual))
  expect(heads.pack(request('/socket', usual))).toHaveLength(2)
  // A value that the table does not store, and its terminator.
  const key = ['Sec-WebSocket-Key', 'a key']
  heads.pack(request('/socket', [...usual, ...key]))
  expect(heads.pack(request('/socket', [...usual, ...key]))).toHaveLength(8)
})

test('values that differ from client to client do not fill the table', () => {
  const heads = new KeptHeads()
  for (let client = 0; client < 20_000; client++) {
    const each = request(`/socket?id=${client}`, [
      'Sec-WebSocket-Key',
      `key ${client}`,
      'Cookie',
      `c=${client}`,
      'X-Forwarded-For',
      `ip ${client}`,
      `X-${client}`,
      'value',
      ...usual,
    ])
    expect(heads.unpack(heads.pack(each))).toBe(requestHead(each))
  }
  expect(heads.pack(request('/socket', usual))).toHaveLength(2)
})

test('the table stores no credentials', () => {
  const heads = new KeptHeads()
  for (const name of ['Cookie', 'authorization', 'Sec-WebSocket-Key']) {
    heads.pack(request('/', [name, 'secret']))
    expect(heads.pack(request('/', [name, 'secret']))).toContain('secret')
  }
  heads.pack(request('/?token=secret', []))
  expect(heads.pack(request('/?token=secret', []))).toContain('secret')
})
