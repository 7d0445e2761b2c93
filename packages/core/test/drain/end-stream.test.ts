import { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { endResponses, endStreams } from '../../src/drain/end-stream.ts'
import { Attempts } from '../../src/errors/attempts.ts'
import type { ZerodropError } from '../../src/errors/zerodrop-error.ts'
import { turn } from '../turns.ts'

const events = { 'Content-Type': 'text/event-stream' }
const nobody = (): boolean => false
const everybody = (): boolean => true

let errors: ZerodropError[]
let attempts: Attempts
beforeEach(() => {
  errors = []
  attempts = new Attempts((error) => errors.push(error))
})

/** An HTTP/1.1 response whose body has begun, and a function that returns the data sent since. */
async function respond(fields: Record<string, string>) {
  const body = 'data: 1\n'
  const socket = new PassThrough()
  const request = new IncomingMessage(socket as unknown as Socket)
  Object.assign(request, { httpVersionMajor: 1, httpVersionMinor: 1 })
  const response = new ServerResponse(request)
  response.assignSocket(socket as unknown as Socket)
  const written: Buffer[] = []
  socket.on('data', (bytes: Buffer) => written.push(bytes))
  response.writeHead(200, fields)
  response.write(body)
  // Node 26 sends nothing before the end of the turn.
  await turn()
  const sent = async (): Promise<string> => {
    await turn()
    return Buffer.concat(written).toString().split(chunk(body))[1] ?? ''
  }
  return { response, sent }
}

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
const lastChunk = '0\r\n\r\n'

describe('HTTP/1 responses', () => {
  test('an event stream ends with the last chunk of its body', async () => {
    const { response, sent } = await respond(events)
    expect(endResponses([response], nobody, { spread: 0, attempts })).toEqual(new Set())
    expect([response.writableEnded, await sent()]).toEqual([true, lastChunk])
  })

  test('any other response ends this way only if it has no length and the application watches its signal', async () => {
    const [watched, other] = [await respond({}), await respond({})]
    const others = endResponses(
      [watched.response, other.response],
      (request) => request === watched.response.req,
      { spread: 0, attempts },
    )
    expect(others).toEqual(new Set([other.response]))
    expect([await watched.sent(), await other.sent()]).toEqual([lastChunk, ''])
    expect(other.response.writableEnded).toBe(false)
  })

  test('a body with a content length is incomplete and is not ended', async () => {
    const { response } = await respond({ ...events, 'Content-Length': '100' })
    expect(endResponses([response], everybody, { spread: 100, attempts })).toEqual(new Set([response]))
    expect(response.writableEnded).toBe(false)
  })

  test('a body with a content length is not ended while its head is still unsent either', () => {
    const response = new ServerResponse(new IncomingMessage(new PassThrough() as unknown as Socket))
    response.setHeader('Content-Length', '100')
    response.writeHead(200)
    expect(endResponses([response], everybody, { spread: 0, attempts })).toEqual(new Set([response]))
    expect(response.writableEnded).toBe(false)
  })

  test('a response without a head, or that has ended, is left alone', async () => {
    const { response: ended } = await respond(events)
    ended.end()
    const request = new IncomingMessage(new PassThrough() as unknown as Socket)
    const headless = new ServerResponse(request)
    expect(endResponses([ended, headless], everybody, { spread: 0, attempts })).toEqual(
      new Set([ended, headless]),
    )
    expect(headless.writableEnded).toBe(false)
  })

  test('clients of event streams are told to reconnect evenly spread, except a single client', async () => {
    const streams = [await respond(events), await respond(events), await respond(events)]
    endResponses(
      streams.map(({ response }) => response),
      nobody,
      { spread: 3000, attempts },
    )
    expect(await Promise.all(streams.map(({ sent }) => sent()))).toEqual(
      [1000, 2000, 3000].map((milliseconds) => chunk(`retry: ${milliseconds}\n`) + lastChunk),
    )
    const alone = await respond(events)
    endResponses([alone.response], nobody, { spread: 3000, attempts })
    expect(await alone.sent()).toBe(lastChunk)
  })

  test('no retry field is written into an encoded body', async () => {
    const [plain, encoded] = [await respond(events), await respond({ ...events, 'Content-Encoding': 'gzip' })]
    endResponses([plain.response, encoded.response], nobody, { spread: 1000, attempts })
    expect(await plain.sent()).toBe(chunk('retry: 500\n') + lastChunk)
    expect(await encoded.sent()).toBe(lastChunk)
  })

  test('an end() that throws is reported, and the next response still ends', async () => {
    const [broken, sound] = [await respond(events), await respond(events)]
    broken.response.end = () => {
      throw new Error('broken on purpose')
    }
    const others = endResponses([broken.response, sound.response], nobody, { spread: 0, attempts })
    expect([others, await sound.sent()]).toEqual([new Set([broken.response]), lastChunk])
    expect(errors).toMatchObject([{ code: 'ERR_ZERODROP_STEP_FAILED' }])
  })
})

describe('HTTP/2 streams', () => {
  function stream(sentHeaders: Record<string, unknown>, headersSent = true) {
    const body = Object.assign(new PassThrough(), { sentHeaders, headersSent })
    return body as unknown as ServerHttp2Stream & PassThrough
  }
  const text = { 'content-type': 'text/event-stream; charset=utf-8' }
  const read = (each: PassThrough): unknown => String(each.read() ?? '')

  test('an event stream ends with a retry field for its client', () => {
    const streams = [stream(text), stream(text), stream({ ...text, 'content-encoding': 'br' })]
    expect(endStreams(streams, nobody, { spread: 900, attempts })).toEqual(new Set())
    expect(streams.map(({ writableEnded }) => writableEnded)).toEqual([true, true, true])
    expect(streams.map(read)).toEqual(['retry: 300\n', 'retry: 600\n', ''])
  })

  test('other streams end only if the application watches them and has sent a head without a length', () => {
    const watched = stream({ 'content-type': 'text/plain' })
    const [headless, long, unwatched] = [stream({}, false), stream({ 'content-length': 5 }), stream({})]
    const others = endStreams([watched, headless, long, unwatched], (each) => each !== unwatched, {
      spread: 0,
      attempts,
    })
    expect(others).toEqual(new Set([headless, long, unwatched]))
    expect([watched, headless, long, unwatched].map(({ writableEnded }) => writableEnded)).toEqual([
      true,
      false,
      false,
      false,
    ])
  })

  test('an end() that throws is reported, and the next stream still ends', () => {
    const [broken, sound] = [stream(text), stream(text)]
    broken.end = () => {
      throw new Error('broken on purpose')
    }
    expect(endStreams([broken, sound], nobody, { spread: 0, attempts })).toEqual(new Set([broken]))
    expect([sound.writableEnded, errors.length]).toEqual([true, 1])
  })
})
