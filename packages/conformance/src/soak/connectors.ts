import type { TLSSocket } from 'node:tls'
import { type ConnectOptions, type Connector, type KindTally, RawClient } from '@zerodrop/traffic'

/** A reader that is slow takes so many bytes, and then nothing for so many milliseconds. */
const SIP = 64 * 1024
const SIP_PAUSE = 40

export function connectorTo(to: ConnectOptions): Connector {
  return () => RawClient.connect(to)
}

/** Connections of one client, each of which takes up the TLS session of the one before if the server lets it. */
export function resumingConnector(to: ConnectOptions, tally: KindTally): Connector {
  let session: Buffer | undefined
  return async () => {
    const client = await RawClient.connect({ ...to, tls: { ...to.tls, ...(session && { session }) } })
    const socket = client.socket as TLSSocket
    if (socket.isSessionReused()) tally.counts.resumed += 1
    socket.on('session', (latest: Buffer) => (session = latest))
    return client
  }
}

/** Connections that are read in sips. */
export function sippingConnector(to: ConnectOptions): Connector {
  return async () => {
    const client = await RawClient.connect(to)
    let allowance = SIP
    client.socket.on('data', (chunk: Buffer) => {
      allowance -= chunk.length
      if (allowance <= 0) client.pause()
    })
    const timer = setInterval(() => {
      allowance = SIP
      client.resume()
    }, SIP_PAUSE)
    client.socket.once('close', () => clearInterval(timer))
    return client
  }
}
