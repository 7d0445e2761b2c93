/**
 * Items in order of arrival, each taken by one taker: at once if it is there, else when it comes. When the inbox has
 * ended, what had arrived can still be taken; every other taker gets an error made for it.
 */
export class Inbox<Item> {
  readonly #items: Item[] = []
  readonly #takers: { resolve: (item: Item) => void; reject: (error: Error) => void }[] = []
  #ended: ((place: number) => Error) | undefined

  push(item: Item): void {
    const taker = this.#takers.shift()
    if (taker) taker.resolve(item)
    else this.#items.push(item)
  }

  take(): Promise<Item> {
    const item = this.#items.shift()
    if (item !== undefined) return Promise.resolve(item)
    if (this.#ended) return Promise.reject(this.#ended(0))
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }))
  }

  /** Ends the inbox, once. `errorFor` gets a taker's place in the queue: 0 was waiting for the very next item. */
  end(errorFor: (place: number) => Error): void {
    if (this.#ended) return
    this.#ended = errorFor
    for (const [place, taker] of this.#takers.splice(0).entries()) taker.reject(errorFor(place))
  }
}
