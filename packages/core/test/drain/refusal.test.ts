import type { IncomingMessage, ServerResponse } from 'node:http'
import { refused, refusedByPolicy } from '../../src/drain/refusal.ts'

function exchange(httpVersionMajor = 1, writeHead?: () => never) {
  const request = {} as IncomingMessage
  const sent: unknown[] = []
  const response = {
    req: { httpVersionMajor },
    headersSent: false,
    writeHead: writeHead ?? ((...head: unknown[]) => sent.push(...head)),
    end: (body: string) => sent.push(body),
  } as unknown as ServerResponse
  return { request, response, sent }
}

test('refuses with 503, Retry-After and Connection: close', () => {
  const { request, response, sent } = exchange()
  expect(refusedByPolicy('refuse', request, response)).toBe(true)
  expect(sent).toEqual([
    503,
    { 'Retry-After': '1', Connection: 'close', 'Content-Type': 'text/plain' },
    'Service Unavailable\n',
  ])
  expect(refused.has(request)).toBe(true)
})

test('omits the Connection header over HTTP/2', () => {
  const { request, response, sent } = exchange(2)
  refusedByPolicy(() => 'refuse', request, response)
  expect(sent[1]).toEqual({ 'Retry-After': '1', 'Content-Type': 'text/plain' })
})

test('leaves a request to the application if the policy serves it', () => {
  const { request, response, sent } = exchange()
  expect(refusedByPolicy('serve', request, response)).toBe(false)
  expect([sent, refused.has(request)]).toEqual([[], false])
})

test('leaves a request to the application if a method of the response throws', () => {
  const { request, response } = exchange(1, () => {
    throw new Error('a slip')
  })
  expect(refusedByPolicy('refuse', request, response)).toBe(false)
  expect(refused.has(request)).toBe(false)
})
