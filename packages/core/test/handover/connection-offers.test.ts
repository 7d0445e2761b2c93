import { ConnectionOffers } from '../../src/handover/connection-offers.ts'
import type { Successor } from '../../src/handover/successor.ts'

/** A successor whose answers are scripted by the test. */
class FakeSuccessor {
  connected = true
  breaks = false
  readonly sent: number[] = []
  readonly #handlers = new Map<string, (body: object) => void>()

  on(type: string, handler: (body: object) => void): () => void {
    this.#handlers.set(type, handler)
    return () => this.#handlers.delete(type)
  }

  answer(type: 'taken' | 'declined', body: object): void {
    this.#handlers.get(type)?.(body)
  }

  async sendConnection(id: number): Promise<void> {
    if (this.breaks) throw new Error('the channel is closed')
    this.sent.push(id)
  }
}

let successor: FakeSuccessor
let offers: ConnectionOffers
beforeEach(() => {
  successor = new FakeSuccessor()
  offers = new ConnectionOffers(successor as unknown as Successor)
})

const offer = () => offers.make({ listener: 'tcp://[::]:3000', used: true, requests: 0 }, {})

test('each connection gets its own answer', async () => {
  const release = offers.listen()
  const answers = [offer(), offer(), offer()]
  successor.answer('declined', { ids: [2], listening: true })
  successor.answer('taken', { ids: [1] })
  successor.answer('declined', { ids: [3], listening: false })
  expect(await Promise.all(answers)).toEqual(['taken', 'declined', 'not-listening'])
  expect([successor.sent, offers.made]).toEqual([[1, 2, 3], 3])
  release()
})

test('a connection that cannot be sent stays: the offer is declined, or the successor is gone', async () => {
  successor.breaks = true
  expect(await offer()).toBe('declined')
  successor.connected = false
  expect(await offer()).toBe('gone')
})

test('giving up ends every wait', async () => {
  const answers = [offer(), offer()]
  offers.giveUp()
  expect(await Promise.all(answers)).toEqual(['gone', 'gone'])
})
