import { once } from 'node:events'
import { constants, createDeflateRaw, type DeflateRaw, inflateRawSync } from 'node:zlib'
import { leftovers } from '@zerodrop/traffic'
import { LiveSite } from './support/live-site.ts'
import { frame, type RawWebSocket } from './support/raw-web-socket.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const text = 'a rather repetitive text, text, text. '.repeat(4)

/** RFC 7692, section 7.2.1: what a message ends with, and is not sent. */
const tail = Buffer.from([0, 0, 0xff, 0xff])

async function compressed(deflate: DeflateRaw, message: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  const onData = (chunk: Buffer): void => void chunks.push(chunk)
  deflate.on('data', onData).write(message)
  await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve))
  deflate.off('data', onData)
  const bytes: Buffer = frame(Buffer.concat(chunks).subarray(0, -tail.length))
  // RSV1: the message is compressed.
  bytes[0]! |= 0x40
  return bytes
}

async function answer(client: RawWebSocket): Promise<string> {
  const { payload } = await client.next()
  return inflateRawSync(Buffer.concat([payload, tail]), { finishFlush: constants.Z_SYNC_FLUSH }).toString()
}

describePosix.each([
  [8, false],
  [8, true],
  [7, false],
  [7, true],
] as const)('a compressed message to ws %i, with keepWindow %s', (version, keepWindow) => {
  test('moves while partially received, split at any byte', async () => {
    const site = await LiveSite.start(undo, 'http', {
      ws: {
        version,
        server: { perMessageDeflate: { threshold: 0, clientNoContextTakeover: !keepWindow } },
        handover: { keepWindow },
      },
    })
    const offer = `permessage-deflate; server_no_context_takeover${keepWindow ? '' : '; client_no_context_takeover'}`
    const open = async (): Promise<{ client: RawWebSocket; bytes: Buffer }> => {
      const client = await site.rawWebSocket({ 'Sec-WebSocket-Extensions': offer })
      await client.next()
      const deflate = createDeflateRaw()
      undo.add(() => deflate.close())
      if (keepWindow) {
        // The message refers to this one.
        client.write(await compressed(deflate, text))
        await answer(client)
      }
      return { client, bytes: await compressed(deflate, text) }
    }
    const { bytes } = await open()
    const clients = await Promise.all(Array.from({ length: bytes.length }, () => open()))
    for (const [cut, { client, bytes: own }] of clients.entries()) client.write(own.subarray(0, cut))
    // What was written before this is there by the time that it is answered.
    const marker = await site.webSocket({ perMessageDeflate: false })
    const answered = once(marker.socket, 'message')
    marker.socket.send('all sent')
    await answered
    const { complete } = await site.restart()
    expect(complete).toMatchObject({ websockets: { sent: clients.length + 2 }, cut: 0 })
    for (const [cut, { client, bytes: own }] of clients.entries()) {
      client.write(own.subarray(cut))
      expect([cut, await answer(client)]).toEqual([cut, `echo ${text}`])
    }
  })
})
