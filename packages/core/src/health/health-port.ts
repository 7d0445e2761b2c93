import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { HealthAnswer } from './probes.ts'
import { writeAnswer } from './write-answer.ts'

/** Where a health port is opened. */
export interface HealthAddress {
  readonly port: number
  readonly host?: string | undefined
}

/**
 * A server only for probes. Neither its socket nor its connections keep the process alive.
 */
export class HealthPort {
  readonly server: Server
  readonly #address: HealthAddress

  constructor(
    address: HealthAddress,
    answer: (request: IncomingMessage) => Promise<HealthAnswer> | undefined,
  ) {
    this.#address = address
    this.server = createServer((request, response) => respond(response, answer(request)))
    this.server.on('connection', (socket) => socket.unref())
    this.server.unref()
  }

  /** @param onError called when it cannot listen; without a listener, the error would end the process */
  open(onListening: () => void, onError: (error: Error) => void): void {
    const { port, host } = this.#address
    this.server.once('listening', onListening)
    this.server.on('error', onError)
    this.server.listen({ port, ...(host !== undefined && { host }) })
  }

  /** Closes it and all its connections. */
  close(): void {
    // Not its own method: on a managed server, that begins a drain.
    NetServer.prototype.close.call(this.server)
    this.server.closeAllConnections()
  }
}

/**
 * Ends the connection after each response: a probe on a kept connection would not notice that another
 * process serves.
 */
function respond(response: ServerResponse, answering: Promise<HealthAnswer> | undefined): void {
  response.setHeader('Connection', 'close')
  if (answering !== undefined) void writeAnswer(response, answering)
  else response.writeHead(404).end()
}
