/** How many characters a window may send. They fit into the buffer of the channel, which an exit does not wait for. */
const most = 32_768
/** The approximate cost of a message, in characters: the kernel accounts for more than the text. */
const perMessage = 1024
/** How long a window is, in milliseconds. */
const window = 100
/** How much is kept beyond that: as much as is shown in the end. */
const kept = 8000

/**
 * Sends text to a process that shows only its end. A process that prints megabytes and exits would lose the end in the
 * buffers of the channel, so at most `most` characters are sent in a window, and only the end of what exceeds that.
 */
export class PacedText {
  readonly #send: (text: string) => void
  readonly #clock: () => number
  #room = most
  #begun = -Infinity
  #waiting = ''
  #timer: NodeJS.Timeout | undefined

  constructor(send: (text: string) => void, clock: () => number = () => performance.now()) {
    this.#send = send
    this.#clock = clock
  }

  /** Sends the text now, or its end when the window is over. */
  add(text: string): void {
    // A timer does not fire while the process only prints.
    if (this.#clock() - this.#begun >= window) this.flush()
    this.#timer ??= setTimeout(() => this.flush(), window).unref()
    if (this.#waiting === '' && text.length <= this.#room) this.#pass(text)
    else this.#waiting = (this.#waiting + text).slice(-kept)
  }

  /** Begins a window, and sends what has waited for it. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#begun = this.#clock()
    this.#room = most
    const text = this.#waiting
    this.#waiting = ''
    if (text !== '') this.#pass(text)
  }

  #pass(text: string): void {
    this.#room -= text.length + perMessage
    this.#send(text)
  }
}
