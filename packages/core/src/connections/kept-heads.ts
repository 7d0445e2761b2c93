import type { IncomingMessage } from 'node:http'

/** Headers whose values differ between clients or are private: their values are never learned. */
const personal = ['authorization', 'cookie', 'proxy-authorization', 'sec-websocket-key']

/** Limits for learned entries, because clients decide what they send. */
const most = { names: 64, valuesOfName: 16, length: 200, shapes: 256 }

/** How many entries the second character of a code distinguishes. */
const radix = 127

/** Takes the place of a code for text that was not learned. */
const unknown = '\0'

/** Texts by codes of two characters, none of which is `unknown`. */
class Table {
  readonly #texts: string[] = []
  readonly #codes = new Map<string, string>()

  get size(): number {
    return this.#texts.length
  }

  codeOf(text: string): string | undefined {
    return this.#codes.get(text)
  }

  textAt(packed: string, at: number): string {
    return this.#texts[(packed.charCodeAt(at) - 1) * radix + packed.charCodeAt(at + 1) - 1] ?? ''
  }

  add(text: string): string {
    const index = this.#texts.push(text) - 1
    const code = String.fromCharCode(1 + Math.floor(index / radix), 1 + (index % radix))
    this.#codes.set(text, code)
    return code
  }
}

/**
 * Stores the heads of requests in few bytes, for as long as a connection lives: most lines are the same for
 * all clients of a server, and so is their order. A head consists of its shape, for which only a code is
 * stored, and the values that differ. A shape is a list of codes, each for a whole line or for a name. It
 * learns new lines, names and shapes from the requests, up to a limit.
 */
export class KeptHeads {
  /** Whole lines, and beginnings of lines up to the value, which end with `': '`. */
  readonly #lines = new Table()
  readonly #shapes = new Table()
  /** How many values of each header were learned. The request line has the name `''`. */
  readonly #values = new Map<string, number>()

  /**
   * @returns Latin-1, as Node reads request lines and headers, as a flat string: a concatenated string keeps
   * its parts alive
   */
  pack({ method = 'GET', url = '/', httpVersion, rawHeaders }: IncomingMessage): string {
    let shape = ''
    let values = ''
    const add = (name: string, value: string, isPersonal: boolean): void => {
      const code = this.#codeOfLine(name, value, isPersonal)
      const codeOfName = this.#lines.codeOf(name)
      shape += code ?? codeOfName ?? unknown
      if (code === undefined) values += codeOfName === undefined ? `${name}${value}\n` : `${value}\n`
    }
    add('', `${method} ${url} HTTP/${httpVersion}`, url.includes('?'))
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const [name = '', value = ''] = [rawHeaders[index], rawHeaders[index + 1]]
      add(`${name}: `, value, personal.includes(name.toLowerCase()))
    }
    return Buffer.from(this.#packShape(shape) + values, 'latin1').toString('latin1')
  }

  /** The head as it arrived. */
  unpack(packed: string): string {
    const length = packed[0] === unknown ? packed.charCodeAt(1) * 256 + packed.charCodeAt(2) : 0
    const shape = packed[0] === unknown ? packed.slice(3, 3 + length) : this.#shapes.textAt(packed, 0)
    let valueAt = packed[0] === unknown ? 3 + length : 2
    let head = ''
    for (let at = 0; at < shape.length; ) {
      const isUnknown = shape[at] === unknown
      const text = isUnknown ? '' : this.#lines.textAt(shape, at)
      head += text
      if (isUnknown || text.endsWith(': ')) {
        const end = packed.indexOf('\n', valueAt)
        head += packed.slice(valueAt, end)
        valueAt = end + 1
      }
      head += '\r\n'
      at += isUnknown ? 1 : 2
    }
    return `${head}\r\n`
  }

  #packShape(shape: string): string {
    const code = this.#shapes.codeOf(shape)
    if (code !== undefined) return code
    if (this.#shapes.size < most.shapes && shape.length <= most.length) return this.#shapes.add(shape)
    return unknown + String.fromCharCode(shape.length >> 8, shape.length & 0xff) + shape
  }

  /** @param isPersonal whether the value must not be learned */
  #codeOfLine(name: string, value: string, isPersonal: boolean): string | undefined {
    // Such a line would look like a name.
    if (value === '' || value.endsWith(': ')) return undefined
    const line = name + value
    const code = this.#lines.codeOf(line)
    if (code !== undefined) return code
    const learned = this.#values.get(name)
    if (learned === undefined) {
      if (this.#values.size >= most.names || name.length > most.length) return undefined
      this.#values.set(name, 0)
      if (name !== '') this.#lines.add(name)
    }
    const isLearned = !isPersonal && (learned ?? 0) < most.valuesOfName && line.length <= most.length
    if (!isLearned) return undefined
    this.#values.set(name, (learned ?? 0) + 1)
    return this.#lines.add(line)
  }
}
