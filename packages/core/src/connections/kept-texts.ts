/** So many bytes that those of a slab which are not used yet are few against the connections it serves. */
const slabSize = 16 * 1024

interface Slab {
  readonly bytes: Buffer
  used: number
}

/** Where a text is kept. */
export interface KeptText {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/**
 * Keeps texts of Latin-1 outside the heap, one behind the other, for as long as they are referred to. A string that was
 * put together keeps all its parts, and each string has a head of its own: for one that lives as long as a connection, and
 * is hardly ever read, that is most of what it costs. A slab is freed with the last text in it.
 */
export class KeptTexts {
  #slab: Slab = { bytes: Buffer.alloc(0), used: 0 }

  keep(text: string): KeptText {
    if (this.#slab.used + text.length > this.#slab.bytes.length)
      this.#slab = { bytes: Buffer.allocUnsafeSlow(Math.max(slabSize, text.length)), used: 0 }
    const slab = this.#slab
    const start = slab.used
    slab.used += slab.bytes.write(text, start, 'latin1')
    return { bytes: slab.bytes, start, end: slab.used }
  }
}
