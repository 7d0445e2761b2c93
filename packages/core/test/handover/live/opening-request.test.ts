import { openingRequest } from '../../../src/handover/live/opening-request.ts'

const head = (...fields: string[]) => ['GET /was?it HTTP/1.1', ...fields, '', ''].join('\r\n')

test('reads the request line and the headers', () => {
  expect(openingRequest(head('Host: x', 'Last-Event-ID:  3 '))).toEqual({
    method: 'GET',
    url: '/was?it',
    headers: { host: 'x', 'last-event-id': '3' },
  })
})

test('joins several values of one header as Node does', () => {
  expect(openingRequest(head('Cookie: a=1', 'cookie: b=2', 'X-Twice: 1', 'X-Twice: 2')).headers).toEqual({
    cookie: 'a=1; b=2',
    'x-twice': '1, 2',
  })
})

test('keeps a colon within a value', () => {
  expect(openingRequest(head('Origin: https://x:3000')).headers).toEqual({ origin: 'https://x:3000' })
})

test('reads a request without headers', () => {
  expect(openingRequest(head())).toEqual({ method: 'GET', url: '/was?it', headers: {} })
})
