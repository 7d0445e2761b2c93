import { setTimeout as delay } from 'node:timers/promises'
import type { Stage } from '../stage.ts'
import type { RawClient } from '../traffic.ts'
import { withoutKeepAlive } from './situation.ts'
import type { Situation } from './situation.ts'

/** So many that some are between two requests, and some have one on its way, whenever the server closes their connections. */
const CLIENTS = 30
/** Before the event. */
const REQUESTS = 2

export const keepAliveRace: Situation = {
  name: 'keep-alive-race',
  title: 'keep-alive race',
  does: `${CLIENTS} clients ask again and again on connections that they keep, over the network's round trip`,
  judges: 'a request that crosses the closing of its connection is answered all the same',
  at: ['stop', 'restart'],
  // In a restart the clients come back with a new connection for each request.
  skip: (settings, findings) =>
    settings.event.kind === 'stop' ? withoutKeepAlive(settings, findings) : undefined,
  cures: { lost: 'race', reset: 'race' },
  async act(stage) {
    const clients = Array.from({ length: CLIENTS }, (_, index) => new KeepAliveClient(stage, index))
    const running = clients.map((client) => client.run())
    await Promise.all(clients.map((client) => client.warm))
    await stage.event()
    await Promise.all(running)
    stage.kept = { clients: CLIENTS, kept: clients.filter((client) => client.kept).length }
  },
}

class KeepAliveClient {
  /** Settles when it has made its first requests. */
  readonly warm: Promise<void>
  /** Whether its first connection has lasted. */
  kept = true
  readonly #stage: Stage
  readonly #name: string
  readonly #think: number
  #onWarm!: () => void
  #asked = 0

  constructor(stage: Stage, index: number) {
    this.#stage = stage
    this.#name = `client ${index + 1}`
    this.#think = (index * 7) % 20
    this.warm = new Promise((resolve) => (this.#onWarm = resolve))
  }

  /** In a stop until the connection is over, in a restart until that is over. */
  async run(): Promise<void> {
    try {
      do {
        const client = await this.#connect()
        this.kept = client !== undefined && (await this.#use(client)) && this.kept
      } while (this.#stage.isRestart && !this.#stage.over.aborted)
    } finally {
      this.#onWarm()
    }
  }

  async #connect(): Promise<RawClient | undefined> {
    try {
      return await this.#stage.connectFar()
    } catch (error) {
      this.#stage.refuse(this.#name, error)
      await delay(this.#think)
      return undefined
    }
  }

  /** Resolves with whether the connection outlives the event. */
  async #use(client: RawClient): Promise<boolean> {
    while (client.open && !client.sawClose && !this.#stage.over.aborted) {
      await this.#stage.ask(client, this.#name, 'get')
      if (++this.#asked === REQUESTS) this.#onWarm()
      await delay(this.#think)
    }
    const lasted = client.open && !client.sawClose
    client.destroy()
    return lasted
  }
}
