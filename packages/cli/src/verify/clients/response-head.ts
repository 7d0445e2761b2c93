import { LostRequest } from '../traffic.ts'
import type { RawClient } from '../traffic.ts'

export interface ResponseHead {
  readonly status: number
  readonly type: string
}

const MAX_HEAD = 64 * 1024

/**
 * Resolves with the head of the next response, before its body is complete. Call it before writing the request.
 * @throws LostRequest if the connection ends before the head arrives
 */
export function responseHead(client: RawClient, timeout: number): Promise<ResponseHead> {
  return new Promise((resolve, reject) => {
    let text = ''
    const fail = (reason: 'fin' | 'timeout'): void => {
      stop()
      reject(new LostRequest(reason, { bytesReceived: text.length, localPort: client.localPort }))
    }
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      if (!text.includes('\r\n\r\n') && text.length < MAX_HEAD) return
      stop()
      resolve({
        status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0),
        type: /^content-type:\s*(.*?)\s*$/im.exec(text)?.[1] ?? '',
      })
    }
    const timer = setTimeout(() => fail('timeout'), timeout)
    const onClose = (): void => fail('fin')
    const stop = (): void => {
      clearTimeout(timer)
      client.socket.off('data', onData).off('close', onClose)
    }
    client.socket.on('data', onData).once('close', onClose)
  })
}
