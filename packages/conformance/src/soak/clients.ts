import { Worker } from 'node:worker_threads'
import { type Leftovers, type TallyReport, Watchers } from '@zerodrop/traffic'
import type { News, Order, ThreadData } from './clients-thread.ts'
import { threads } from './kinds.ts'
import type { SoakKind } from './kinds.ts'
import { mergeReports } from './merge-reports.ts'

/** Where all clients stand. */
export interface Standing {
  /** Requests that have ended, and refused connects. */
  readonly ended: number
  readonly requests: number
  readonly lost: number
  readonly refused: number
}

/** A wait for so many requests that takes longer has failed. */
const PATIENCE = 3_600_000

/** The threads in which the clients of one server run. */
export class Clients {
  readonly #threads: readonly ClientsThread[]
  readonly #watchers: Watchers

  /** Resolves when all threads run. */
  static async start(data: Omit<ThreadData, 'kinds'>, undo: Leftovers): Promise<Clients> {
    const clients = new Clients(data)
    for (const thread of clients.#threads) undo.add(() => thread.terminate())
    await clients.#wait('threads', () => clients.#threads.every(({ standing }) => standing !== undefined))
    return clients
  }

  private constructor(data: Omit<ThreadData, 'kinds'>) {
    this.#watchers = new Watchers(() => JSON.stringify(this.standing))
    this.#threads = threads.map((kinds) => new ClientsThread({ ...data, kinds }, this.#watchers))
  }

  get standing(): Standing {
    const total = (figure: keyof Standing): number =>
      this.#threads.reduce((sum, { standing }) => sum + (standing?.[figure] ?? 0), 0)
    return {
      ended: total('ended'),
      requests: total('requests'),
      lost: total('lost'),
      refused: total('refused'),
    }
  }

  /** Resolves when so many requests have ended in all. */
  until(ended: number): Promise<void> {
    return this.#wait(`${ended} requests`, () => this.standing.ended >= ended)
  }

  mark(name: string): void {
    this.#order({ type: 'mark', name, milliseconds: Number.POSITIVE_INFINITY })
  }

  calm(milliseconds: number): void {
    this.#order({ type: 'calm', milliseconds })
  }

  /** Lets every client finish the request it is at, and reports. */
  async stop(): Promise<TallyReport<SoakKind>> {
    this.#order({ type: 'stop' })
    return mergeReports(await Promise.all(this.#threads.map((thread) => thread.report)))
  }

  async #wait(what: string, isTrue: () => boolean): Promise<void> {
    await this.#watchers.until(what, () => isTrue() || undefined, PATIENCE)
  }

  #order(order: Order): void {
    for (const thread of this.#threads) thread.order(order)
  }
}

/** One of them. Its errors, which end every wait, are faults of the soak: the server's faults are counted. */
class ClientsThread {
  readonly report: Promise<TallyReport<SoakKind>>
  standing: Standing | undefined
  readonly #worker: Worker

  constructor(data: ThreadData, watchers: Watchers) {
    this.#worker = new Worker(new URL('clients-thread.js', import.meta.url), { workerData: data })
    this.report = new Promise((resolve, reject) => {
      this.#worker.on('message', (news: News) => {
        if (news.type === 'report') resolve(news.report)
        else this.standing = news.standing
        watchers.poll()
      })
      this.#worker.once('error', (error) => {
        watchers.end(`a thread of clients failed: ${error.stack}`)
        reject(error)
      })
    })
    this.report.catch(() => {})
  }

  order(order: Order): void {
    this.#worker.postMessage(order)
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }
}
