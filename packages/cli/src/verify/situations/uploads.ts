import { uploadHeaders } from '../preflight.ts'
import { NothingToJudge } from './situation.ts'
import type { Situation } from './situation.ts'

const HALF = Buffer.alloc(16 * 1024, 'u')
const headers = { ...uploadHeaders, 'content-length': String(2 * HALF.length) }

export const upload: Situation = {
  name: 'upload',
  title: 'upload in progress',
  does: 'one client has sent half of an upload, and sends the rest after the signal',
  judges: 'the upload is taken and answered',
  at: ['stop', 'restart'],
  needs: ['upload'],
  spansEvent: true,
  async act(stage) {
    const client = await stage.connect()
    const gate = new Gate()
    const body = gate.halves()
    const asked = stage.ask(client, 'client', 'upload', { method: 'POST', headers, body })
    await gate.firstHalfWritten
    await stage.taken(client)
    await stage.event()
    await stage.delivered()
    gate.open()
    await asked
  },
}

export const continueUpload: Situation = {
  name: '100-continue',
  title: 'upload that waits for 100-continue',
  does: 'one client has been told to go on (100), and sends its upload after the signal',
  judges: 'the upload is taken and answered',
  at: ['stop', 'restart'],
  needs: ['upload'],
  spansEvent: true,
  async act(stage) {
    const client = await stage.connect()
    const gate = new Gate()
    const expecting = { ...headers, expect: '100-continue' }
    const asked = stage.ask(client, 'client', 'upload', {
      method: 'POST',
      headers: expecting,
      body: gate.whole(),
    })
    const told = await client.nextInterim(stage.settings.limit).catch(() => undefined)
    if (told === undefined) throw new NothingToJudge('the server says no 100 to "Expect: 100-continue"')
    await stage.event()
    await stage.delivered()
    gate.open()
    await asked
  },
}

export const endless: Situation = {
  name: 'endless',
  title: 'request that never ends',
  does: 'one client has sent half of an upload, and never sends the rest',
  judges: 'the server gives it up, and ends in time',
  at: ['stop', 'restart'],
  needs: ['upload'],
  cuts: true,
  cures: { running: 'deadline' },
  async act(stage) {
    const client = await stage.connect()
    const note = stage.ledger.open('client', `half of POST ${stage.route('upload')}`)
    const lines = Object.entries({ host: 'verify', ...headers }).map(([name, value]) => `${name}: ${value}`)
    client.write(`POST ${stage.route('upload')} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${HALF.toString()}`)
    await stage.taken(client)
    await stage.event()
    const end = await stage.untilEnded(client)
    if (end === 'kept') note('kept')
    else note('ended', 'cut by the server, as it has to be')
  },
}

/** Holds back the rest of a request body until it is opened. */
class Gate {
  readonly firstHalfWritten: Promise<void>
  open!: () => void
  #onFirstHalf!: () => void
  readonly #opened: Promise<void>

  constructor() {
    this.firstHalfWritten = new Promise((resolve) => (this.#onFirstHalf = resolve))
    this.#opened = new Promise((resolve) => (this.open = resolve))
  }

  async *halves(): AsyncGenerator<Buffer> {
    yield HALF
    this.#onFirstHalf()
    await this.#opened
    yield HALF
  }

  async *whole(): AsyncGenerator<Buffer> {
    await this.#opened
    yield HALF
    yield HALF
  }
}
