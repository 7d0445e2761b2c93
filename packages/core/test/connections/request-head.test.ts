import { requestHead, withHeader } from '../../src/connections/request-head.ts'

describe('the head of a request', () => {
  const request = {
    method: 'GET',
    url: '/changed',
    httpVersion: '1.1',
    rawHeaders: [
      'Host',
      'x',
      'Cookie',
      'a=1',
      'cookie',
      'b=2',
      'Last-Event-ID',
      '3',
      'X-Twice',
      '1',
      'X-Twice',
      '2',
    ],
  }
  const head = requestHead(request as never, '/was?it')

  test('is written byte for byte as it arrived', () => {
    expect(head).toBe(
      'GET /was?it HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\ncookie: b=2\r\nLast-Event-ID: 3\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n',
    )
  })

  test('can have one header changed', () => {
    expect(withHeader(head, 'last-event-id', '4')).toBe(
      `${head.replace('Last-Event-ID: 3\r\n', '').slice(0, -2)}last-event-id: 4\r\n\r\n`,
    )
    expect(withHeader(head, 'Last-Event-ID', undefined)).toBe(head.replace('Last-Event-ID: 3\r\n', ''))
  })
})
