import { constants } from 'node:os'
import type { LifecycleOptions, SignalPreset } from '@zerodrop/core'
import { leftovers, LostRequest, type RawClient } from '@zerodrop/traffic'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** What a signal does to a process that serves one request. */
type Outcome = 'drains' | 'restarts' | 'cuts' | 'nothing' | 'kills'

interface Table {
  serving: Partial<Record<NodeJS.Signals, Outcome>>
  /** What the second of two signals does. */
  twice: [first: NodeJS.Signals, second: NodeJS.Signals, outcome: 'nothing' | 'cuts' | 'kills'][]
}

const tables: Record<SignalPreset | 'no preset', Table> = {
  'no preset': {
    serving: { SIGTERM: 'drains', SIGINT: 'drains', SIGHUP: 'restarts', SIGUSR2: 'restarts' },
    twice: [
      ['SIGTERM', 'SIGTERM', 'cuts'],
      ['SIGTERM', 'SIGINT', 'cuts'],
      ['SIGTERM', 'SIGHUP', 'nothing'],
    ],
  },
  endless: {
    serving: {
      SIGHUP: 'restarts',
      SIGINT: 'drains',
      SIGTERM: 'drains',
      SIGUSR2: 'nothing',
      SIGUSR1: 'nothing',
      SIGTSTP: 'nothing',
    },
    twice: [
      ['SIGTERM', 'SIGUSR2', 'cuts'],
      ['SIGTERM', 'SIGTERM', 'nothing'],
      ['SIGTERM', 'SIGINT', 'nothing'],
      ['SIGTERM', 'SIGHUP', 'nothing'],
    ],
  },
  grace: {
    serving: { SIGINT: 'drains', SIGTERM: 'drains', SIGUSR2: 'restarts', SIGHUP: 'kills' },
    twice: [
      ['SIGTERM', 'SIGTERM', 'kills'],
      ['SIGINT', 'SIGTERM', 'kills'],
      ['SIGTERM', 'SIGUSR2', 'kills'],
    ],
  },
  goagain: {
    serving: {
      SIGQUIT: 'drains',
      SIGINT: 'drains',
      SIGTERM: 'drains',
      SIGUSR2: 'restarts',
      SIGHUP: 'nothing',
      SIGUSR1: 'nothing',
    },
    twice: [
      ['SIGQUIT', 'SIGQUIT', 'nothing'],
      ['SIGQUIT', 'SIGTERM', 'nothing'],
    ],
  },
  nginx: {
    serving: {
      SIGTERM: 'cuts',
      SIGINT: 'cuts',
      SIGQUIT: 'drains',
      SIGHUP: 'restarts',
      SIGUSR2: 'restarts',
      SIGUSR1: 'nothing',
    },
    twice: [
      ['SIGQUIT', 'SIGQUIT', 'nothing'],
      ['SIGQUIT', 'SIGTERM', 'cuts'],
    ],
  },
  unicorn: {
    serving: {
      SIGTERM: 'cuts',
      SIGINT: 'cuts',
      SIGQUIT: 'drains',
      SIGHUP: 'restarts',
      SIGUSR2: 'restarts',
      SIGUSR1: 'nothing',
      SIGTTIN: 'nothing',
      SIGTTOU: 'nothing',
    },
    twice: [
      ['SIGQUIT', 'SIGQUIT', 'nothing'],
      ['SIGQUIT', 'SIGINT', 'cuts'],
    ],
  },
}

const clean = { code: 0, signal: null }
const forced = (signal: NodeJS.Signals) => ({ code: 128 + constants.signals[signal], signal: null })

/** A process with one request under way. */
async function busy(name: string) {
  const options: LifecycleOptions = name === 'no preset' ? {} : { signals: name as SignalPreset }
  const site = await Site.start(undo, 'http.mjs', options)
  const [client, other] = await site.connectMany(2)
  const answer = client!.request({ path: '/hold' })
  // Nobody may look at it before it is lost.
  answer.catch(() => {})
  const visit = await site.gates.visit()
  return { site, answer, visit, other: other! }
}

/** Two answers from the process: a signal that was sent before has been dealt with by then. */
async function stillServes(site: Site, client: RawClient): Promise<void> {
  for (let count = 0; count < 2; count += 1)
    expect(identityOf(await client.request())).toMatchObject({ pid: site.app.pid, generation: 1 })
}

const outcomes: Record<Outcome, (name: string, signal: NodeJS.Signals) => Promise<void>> = {
  async drains(name, signal) {
    const { site, answer, visit, other } = await busy(name)
    other.destroy()
    await site.drain(signal)
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
  },
  async restarts(name, signal) {
    const { site, answer, visit } = await busy(name)
    site.deploy('2')
    await site.restart(signal)
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200 })
    await expect(site.app.exited).resolves.toEqual(clean)
    const client = await site.connect()
    expect(identityOf(await client.request())).toMatchObject({ version: '2', generation: 2 })
  },
  async cuts(name, signal) {
    const { site, answer } = await busy(name)
    site.app.signal(signal)
    await expect(answer).rejects.toThrow(LostRequest)
    await expect(site.app.exited).resolves.toEqual(forced(signal))
    expect(site.app.stderr).toMatch(/cut by a signal: GET \/hold /)
  },
  async nothing(name, signal) {
    const { site, answer, visit, other } = await busy(name)
    site.app.signal(signal)
    await stillServes(site, other)
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: false })
    expect(site.app.stderr).toBe('')
  },
  async kills(name, signal) {
    const { site } = await busy(name)
    site.app.signal(signal)
    await expect(site.app.exited).resolves.toEqual({ code: null, signal })
  },
}

type Busy = Awaited<ReturnType<typeof busy>>

/** What a second signal does to a process that drains. */
const secondOutcomes: Record<
  Table['twice'][number][2],
  (busy: Busy, signal: NodeJS.Signals) => Promise<void>
> = {
  async cuts({ site, answer }, signal) {
    await expect(answer).rejects.toThrow(LostRequest)
    await expect(site.app.exited).resolves.toEqual(forced(signal))
  },
  async kills({ site }, signal) {
    await expect(site.app.exited).resolves.toEqual({ code: null, signal })
  },
  async nothing({ site, answer, visit, other }) {
    // An answer of the process, on a connection that lingers: the second signal has been dealt with.
    await expect(other.request()).resolves.toMatchObject({ status: 200, closes: true })
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
  },
}

describePosix.each(Object.entries(tables))('signals of %s', (name, { serving, twice }) => {
  const rows = Object.entries(serving) as [NodeJS.Signals, Outcome][]

  test.each(rows)('%s %s', async (signal, outcome) => {
    await expect(outcomes[outcome](name, signal)).resolves.toBeUndefined()
  })

  test.each(twice)('%s, then %s: %s', async (first, second, outcome) => {
    const all = await busy(name)
    await all.site.drain(first)
    await all.site.app.waitFor('forceable')
    all.site.app.signal(second)
    await expect(secondOutcomes[outcome](all, second)).resolves.toBeUndefined()
  })
})

const calls: [preset: string, signal: NodeJS.Signals, called: [when: string, state: string][]][] = [
  [
    'endless',
    'SIGHUP',
    [
      ['before', 'serving'],
      ['after', 'restarting'],
    ],
  ],
  [
    'endless',
    'SIGINT',
    [
      ['before', 'serving'],
      ['after', 'draining'],
    ],
  ],
  [
    'endless',
    'SIGTERM',
    [
      ['before', 'serving'],
      ['after', 'draining'],
    ],
  ],
  [
    'endless',
    'SIGUSR1',
    [
      ['before', 'serving'],
      ['after', 'serving'],
    ],
  ],
  [
    'endless',
    'SIGUSR2',
    [
      ['before', 'serving'],
      ['after', 'serving'],
    ],
  ],
  [
    'endless',
    'SIGTSTP',
    [
      ['before', 'serving'],
      ['after', 'serving'],
    ],
  ],
  ['goagain', 'SIGHUP', [['in place', 'serving']]],
  ['goagain', 'SIGUSR1', [['in place', 'serving']]],
]

describePosix('functions of the application', () => {
  test.each(calls)('%s %s', async (preset, signal, called) => {
    const site = await Site.start(undo, 'signals/called.mjs', {}, { start: { args: [preset] } })
    const client = await site.connect()
    site.deploy('2')
    const pid = site.app.signal(signal)
    const [last] = called.at(-1)!
    await site.app.waitFor(({ event, when }) => event === 'called' && when === last)
    // One more answer, its own or its successor's: by then whatever else it would call has been called.
    await expect(client.request()).resolves.toMatchObject({ status: 200 })
    const told = site.app.lines.filter(({ event }) => event === 'called')
    expect(told).toEqual(called.map(([when, state]) => ({ event: 'called', pid, signal, when, state })))
  })
})
