import http from 'node:http'
import { Sequence, type StreamTally } from './tally.ts'

/** Reads one event stream, and counts what comes. It never reconnects. */
export class EventClient {
  readonly #request: http.ClientRequest
  #ending = false

  static open(port: number, name: string, tally: StreamTally): Promise<EventClient> {
    return new Promise((resolve, reject) => {
      const headers = { accept: 'text/event-stream' }
      const request = http.get({ port, host: '127.0.0.1', path: '/events', headers, agent: false })
      request.once('error', reject)
      request.once('response', (response) => resolve(new EventClient(request, response, name, tally)))
    })
  }

  private constructor(
    request: http.ClientRequest,
    response: http.IncomingMessage,
    name: string,
    tally: StreamTally,
  ) {
    this.#request = request
    const events = new Sequence(name, tally)
    let rest = ''
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      const blocks = (rest + text).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const [, id, data] = /^id: (\d+)\ndata: (\d+)$/.exec(block) ?? []
        if (id === undefined || id !== data) tally.wrong('reordered', `${name}: ${JSON.stringify(block)}`)
        else events.add(Number(id))
      }
    })
    const onEnd = (): void => {
      if (!this.#ending) tally.wrong('closed', `${name}: ended`)
      this.#ending = true
    }
    for (const event of ['end', 'error', 'close']) response.on(event, onEnd)
    request.on('error', onEnd)
  }

  end(): void {
    this.#ending = true
    this.#request.destroy()
  }
}
