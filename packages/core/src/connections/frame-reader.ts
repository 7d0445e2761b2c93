/** The longest response head that is read: more than any client accepts. */
const longestHead = 2 ** 16

/** Opcode 8 of RFC 6455, section 5.2. */
const close = 8

/**
 * Follows the bytes that a WebSocket server writes: the head of its response, then frames. It reads only the
 * header of a frame and skips the payload.
 *
 * It does not resynchronise: after bytes that are not a frame of RFC 6455, it knows nothing more.
 */
export class FrameReader {
  /** Whether the upgrade has been answered with 101. */
  answered = false
  /** Whether bytes were written that violate RFC 6455. */
  lost = false
  /** Whether a close frame has been written, or has begun. */
  closed = false
  #head = ''
  readonly #header: number[] = []
  /** How many bytes of the current frame's payload are missing. */
  #left = 0

  /** Whether the bytes so far end with a complete frame or with the head. */
  get isBetweenFrames(): boolean {
    return this.answered && !this.lost && this.#left === 0 && this.#header.length === 0
  }

  read(chunk: Uint8Array): void {
    let at = this.answered || this.lost ? 0 : this.#readHead(chunk)
    while (at < chunk.length && !this.lost) {
      if (this.#left > 0) {
        const passed = Math.min(this.#left, chunk.length - at)
        this.#left -= passed
        at += passed
      } else {
        this.#header.push(chunk[at] as number)
        at += 1
        this.#readHeader()
      }
    }
  }

  /** @returns where the first frame begins */
  #readHead(chunk: Uint8Array): number {
    const before = this.#head.length
    this.#head += Buffer.from(chunk).toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) {
      this.lost = this.#head.length > longestHead
      return chunk.length
    }
    this.answered = /^HTTP\/1\.1 101[ \r]/.test(this.#head)
    this.lost = !this.answered
    this.#head = ''
    return end + 4 - before
  }

  #readHeader(): void {
    const header = this.#header
    const [first = 0, second = 0] = header
    if (header.length < 2) return
    const short = second & 0x7f
    const extended = short === 127 ? 8 : short === 126 ? 2 : 0
    const mask = second > 127 ? 4 : 0
    if (header.length < 2 + extended + mask) return
    const bytes = header.splice(0).slice(2, 2 + extended)
    this.#left = extended === 0 ? short : bytes.reduce((sum, byte) => sum * 256 + byte, 0)
    const opcode = first & 0x0f
    const isControl = opcode >= close
    // Reserved opcodes, fragmented or long control frames, and impossible lengths.
    this.lost =
      (opcode > 2 && !isControl) ||
      opcode > 10 ||
      (isControl && (first < 128 || short > 125)) ||
      !Number.isSafeInteger(this.#left)
    if (opcode === close) this.closed = true
  }
}
