import { Failure } from '../fail.ts'
import { clientOptions } from './server/address.ts'
import type { Address } from './server/running.ts'
import type { Routes, Settings } from './settings.ts'
import { openSession, requestOn } from './clients/h2.ts'
import { responseHead } from './clients/response-head.ts'
import { openWebSocket } from './clients/web-socket.ts'
import { LostRequest, RawClient } from './traffic.ts'
import type { RequestOptions } from './traffic.ts'

export interface Preflight {
  readonly statuses: Partial<Record<keyof Routes, number>>
  readonly keepsAlive: boolean
  readonly slowStreams: boolean
  readonly remarks: string[]
}

/** In milliseconds. A faster response may be complete before the signal arrives. */
const SLOW = 100

/**
 * Requests each route once, so that a mistake in the command line is reported as such and not as a loss.
 * @throws Failure if a route responds with an error or in the wrong form
 */
export async function preflight(address: Address, settings: Settings, get: number): Promise<Preflight> {
  const { routes } = settings
  const statuses: Partial<Record<keyof Routes, number>> = { get }
  const remarks: string[] = []
  const keepsAlive = await keepsConnection(address, { path: routes.get, timeout: settings.limit })
  let slowStreams = false
  if (routes.slow !== undefined) {
    const asked = await askOnce(address, { path: routes.slow, timeout: settings.limit }, '--slow')
    statuses.slow = asked.status
    slowStreams = asked.took - asked.firstByte > 50
    if (asked.took < SLOW)
      remarks.push(
        `GET ${routes.slow} takes ${asked.took.toFixed(0)} ms, which is too quick to be in flight for long: choose a slower route for --slow.`,
      )
  }
  if (routes.large !== undefined)
    statuses.large = (
      await askOnce(address, { path: routes.large, timeout: settings.limit }, '--large')
    ).status
  if (routes.upload !== undefined) {
    const request = {
      method: 'POST',
      path: routes.upload,
      body: Buffer.alloc(1000, 'u'),
      timeout: settings.limit,
    }
    statuses.upload = (await askOnce(address, { ...request, headers: uploadHeaders }, '--upload')).status
  }
  if (routes.sse !== undefined) statuses.sse = await askForStream(address, routes.sse, settings.limit)
  if (routes.ws !== undefined) await askForWebSocket(address, routes.ws)
  if (settings.h2) await askOverHttp2(address, routes.get)
  return { statuses, keepsAlive, slowStreams, remarks }
}

async function keepsConnection(address: Address, request: RequestOptions): Promise<boolean> {
  const client = await RawClient.connect(clientOptions(address))
  try {
    const { closes } = await client.request(request)
    return !closes
  } catch (error) {
    if (error instanceof LostRequest)
      throw wrongRoute(`GET ${request.path} gives no answer (${error.reason})`, '--get')
    throw error
  } finally {
    client.destroy()
  }
}

export const uploadHeaders = { 'content-type': 'application/octet-stream' }

interface TimedAnswer {
  readonly status: number
  readonly firstByte: number
  readonly took: number
}

async function askOnce(address: Address, request: RequestOptions, flag: string): Promise<TimedAnswer> {
  const client = await RawClient.connect(clientOptions(address))
  const what = `${request.method ?? 'GET'} ${request.path}`
  const from = performance.now()
  let firstByte = 0
  client.socket.once('data', () => (firstByte = performance.now() - from))
  try {
    const { status } = await client.request(request)
    if (status >= 400) throw wrongRoute(`${what} answers ${status}`, flag)
    return { status, firstByte, took: performance.now() - from }
  } catch (error) {
    if (error instanceof LostRequest) throw wrongRoute(`${what} gives no answer (${error.reason})`, flag)
    throw error
  } finally {
    client.destroy()
  }
}

async function askForStream(address: Address, path: string, limit: number): Promise<number> {
  const client = await RawClient.connect(clientOptions(address))
  try {
    const head = responseHead(client, limit)
    client.request({ path, headers: { accept: 'text/event-stream' }, timeout: limit }).catch(() => {})
    const { status, type } = await head
    if (status >= 400) throw wrongRoute(`GET ${path} answers ${status}`, '--sse')
    if (!/event-stream/.test(type))
      throw wrongRoute(
        `GET ${path} answers with the type ${type || 'of nothing'}, not with an event stream`,
        '--sse',
      )
    return status
  } catch (error) {
    if (error instanceof LostRequest)
      throw wrongRoute(`GET ${path} gives no answer (${error.reason})`, '--sse')
    throw error
  } finally {
    client.destroy()
  }
}

async function askForWebSocket(address: Address, path: string): Promise<void> {
  try {
    const socket = await openWebSocket(address, path)
    socket.terminate()
  } catch (error) {
    throw wrongRoute(`The WebSocket ${path} does not open (${(error as Error).message})`, '--ws')
  }
}

async function askOverHttp2(address: Address, path: string): Promise<void> {
  try {
    const session = await openSession(address)
    try {
      const { status } = await requestOn(session, path).answer
      if (status >= 400) throw new Error(`it answers ${status}`)
    } finally {
      session.destroy()
    }
  } catch (error) {
    throw new Failure(`GET ${path} does not work over HTTP/2: ${(error as Error).message}. Leave out --h2.`, {
      status: 2,
    })
  }
}

function wrongRoute(what: string, flag: string): Failure {
  return new Failure(`${what}. Name a route that works with ${flag}, or leave the flag out.`, { status: 2 })
}
