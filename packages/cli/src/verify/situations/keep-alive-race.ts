import { setTimeout as delay } from 'node:timers/promises'
import type { Stage } from '../stage.ts'
import type { RawClient } from '../traffic.ts'
import { withoutKeepAlive } from './situation.ts'
import type { Situation } from './situation.ts'

/** Enough that, whenever the server closes connections, some clients are idle and some have a request in flight. */
const CLIENTS = 30
/** The number of requests that each client makes before the event. */
const REQUESTS = 2

export const keepAliveRace: Situation = {
  name: 'keep-alive-race',
  title: 'keep-alive race',
  does: `${CLIENTS} clients ask again and again on connections that they keep, over the network's round trip`,
  judges: 'a request that crosses the closing of its connection is answered all the same',
  at: ['stop', 'restart'],
  // In a restart, the clients open a new connection whenever theirs has been closed.
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
  /** Settles when the client has made its first requests. */
  readonly warm: Promise<void>
  /** Whether the client is still on its first connection. */
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

  /** In a stop, sends requests until the connection closes; in a restart, until the restart is over. */
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

  /** Sends requests on the connection. Resolves with whether it is still open after the event. */
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
