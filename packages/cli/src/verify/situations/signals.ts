import { listeningAddresses } from '../server/listening.ts'
import type { Stage } from '../stage.ts'
import { until } from '../until.ts'
import type { Situation } from './situation.ts'

export const secondSignal: Situation = {
  name: 'second-signal',
  title: 'second signal',
  does: 'one client has a request open, and the signal comes twice',
  judges: 'the server ends in time',
  at: ['stop'],
  cuts: true,
  cures: { running: 'second' },
  async act(stage) {
    const client = await stage.connect()
    const route = stage.settings.routes.slow === undefined ? 'get' : 'slow'
    const note = stage.ledger.open('client', `GET ${stage.route(route)}`)
    const answered = client.request({ path: stage.route(route), timeout: stage.settings.limit })
    answered.catch(() => {})
    await stage.taken(client)
    await stage.event()
    await stage.delivered()
    stage.server.signal(stopSignal(stage))
    await answered.then(
      () => note('answered'),
      () => note('ended', 'cut at the second signal, which may be'),
    )
  },
}

export const earlySignal: Situation = {
  name: 'early-signal',
  title: 'early signal',
  does: 'the signal comes as soon as the server listens',
  judges: 'the server ends in time',
  at: ['stop'],
  event: 'early',
  cuts: true,
  cures: { running: 'early' },
  async act(stage) {
    const { server, settings } = stage
    const isUp = async (): Promise<true | undefined> =>
      server.exit !== undefined || (await listeningAddresses(server)).length > 0 || undefined
    await until(isUp, performance.now() + settings.startLimit, 1)
    await stage.event()
  },
}

function stopSignal({ settings }: Stage): NodeJS.Signals {
  return settings.event.kind === 'restart-command' ? 'SIGTERM' : settings.event.signal
}
