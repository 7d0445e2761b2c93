/** How much is kept: what fits on a screen. */
const mostLines = 40
const mostCharacters = 8000

/** The last lines of a text that comes in pieces. */
export class Tail {
  #text = ''

  add(piece: string): void {
    const lines = (this.#text + piece).slice(-mostCharacters).split('\n')
    // Behind the last newline there is an empty one.
    this.#text = lines.slice(-mostLines - 1).join('\n')
  }

  get text(): string {
    return this.#text.trimEnd()
  }
}
