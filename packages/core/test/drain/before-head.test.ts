import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { beforeHead } from '../../src/drain/before-head.ts'

const serialise = (): unknown => Reflect.get(ServerResponse.prototype, '_storeHeader')
const original = serialise()

/** Writes a response head, and returns it. */
function write(): string {
  const socket = new PassThrough()
  const response = new ServerResponse(new IncomingMessage(socket as unknown as Socket))
  response.assignSocket(socket as unknown as Socket)
  response.writeHead(200, ['X-Own', 'yes'])
  response.flushHeaders()
  return (socket.read() as Buffer).toString()
}

const add = (name: string) =>
  beforeHead((_response, fields) => [...(fields as readonly unknown[]), name, 'added'])

test('rewrites the headers of every response, one function after the other', () => {
  const releases = [add('X-First'), add('X-Second')]
  const head = write()
  expect(head).toContain('X-Own: yes\r\nX-First: added\r\nX-Second: added\r\n')
  for (const release of releases) release()
})

test('keeps running the remaining functions when one is removed, and restores the prototype with the last', () => {
  const [first, second] = [add('X-First'), add('X-Second')]
  first()
  const head = write()
  expect([head.includes('X-First'), head.includes('X-Second')]).toEqual([false, true])
  expect(serialise()).not.toBe(original)
  second()
  expect(serialise()).toBe(original)
  expect(write()).not.toContain('added')
  const again = add('X-Again')
  expect(write()).toContain('X-Again: added')
  again()
  expect(serialise()).toBe(original)
})

test('passes the response that is being written', () => {
  const seen: number[] = []
  const release = beforeHead((response, fields) => {
    seen.push(response.statusCode)
    return fields
  })
  write()
  release()
  expect(seen).toEqual([200])
})
