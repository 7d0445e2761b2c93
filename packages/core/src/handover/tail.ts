/** How much is kept: about a screenful. */
const mostLines = 40
const mostCharacters = 8000

/** Keeps the last lines of a text that arrives in pieces. */
export class Tail {
  #text = ''

  add(piece: string): void {
    const lines = (this.#text + piece).slice(-mostCharacters).split('\n')
    // Splitting leaves an empty line after the last newline.
    this.#text = lines.slice(-mostLines - 1).join('\n')
  }

  get text(): string {
    return this.#text.trimEnd()
  }
}
