import { LiveOffers } from '../../../src/handover/live/live-offers.ts'
import type { Departure } from '../../../src/handover/live/move.ts'
import type { Successor } from '../../../src/handover/successor.ts'

let onAnswer: (answer: { id: number; taken: boolean }) => void
let successor: { connected: boolean; breaks: boolean }
let offers: LiveOffers
beforeEach(() => {
  successor = { connected: true, breaks: false }
  const fake = {
    get connected() {
      return successor.connected
    },
    on: (_type: string, handler: typeof onAnswer) => {
      onAnswer = handler
      return () => {}
    },
    sendLive: async () => {
      if (successor.breaks) throw new Error('the channel is closed')
    },
    sendLate: () => Promise.reject(new Error('the channel is closed')),
  }
  offers = new LiveOffers(fake as unknown as Successor)
  offers.listen()
})

const offer = () => offers.make('tcp://[::]:3000', { offer: {}, handle: {} } as unknown as Departure)

test('each connection gets its own answer', async () => {
  const answers = [offer(), offer()]
  onAnswer({ id: 2, taken: false })
  onAnswer({ id: 1, taken: true })
  expect(await Promise.all(answers)).toEqual([
    { id: 1, answer: 'taken' },
    { id: 2, answer: 'declined' },
  ])
})

test('a connection that cannot be sent stays: the offer is declined, or the successor is gone', async () => {
  successor.breaks = true
  expect(await offer()).toMatchObject({ answer: 'declined' })
  successor.connected = false
  expect(await offer()).toMatchObject({ answer: 'gone' })
})

test('giving up ends every wait', async () => {
  const answers = [offer(), offer()]
  offers.giveUp()
  expect(await Promise.all(answers)).toMatchObject([{ answer: 'gone' }, { answer: 'gone' }])
})

test('a lost late call is not waited for', () => {
  expect(() => offers.sendLate(1, 'a call')).not.toThrow()
})
