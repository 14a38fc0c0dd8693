// The format of FastLZ, levels 1 and 2, as lz4-like tokens: the top three bits of a token are 0 for a run of literals,
// else the length of a copy; a length of 7 goes on in further bytes; level 2 has long distances and long lengths.
// Source: the description of the block format in FastLZ's README.

const LONGEST_NEAR = 0x1fff

/** Expands a FastLZ block to exactly `length` bytes; undefined where the block is damaged. */
export function expandFastlz(block: Buffer, length: number): Buffer | undefined {
  if (block.length === 0) return length === 0 ? Buffer.alloc(0) : undefined
  const level = ((block[0] as number) >> 5) + 1
  if (level > 2) return undefined
  const out = Buffer.alloc(length)
  const written = new Expansion(block, out, level).run()
  return written === length ? out : undefined
}

class Expansion {
  readonly #block: Buffer
  readonly #out: Buffer
  readonly #level: number
  #in = 0
  #written = 0
  #isDamaged = false

  constructor(block: Buffer, out: Buffer, level: number) {
    this.#block = block
    this.#out = out
    this.#level = level
  }

  /** How many bytes were written; -1 where the block is damaged. */
  run(): number {
    // The level stands in the top bits of the first token, which is always a run of literals.
    let token = this.#next() & 0x1f
    for (;;) {
      if (token < 0x20) this.#literals(token + 1)
      else this.#copy(token)
      if (this.#isDamaged) return -1
      if (this.#in >= this.#block.length) return this.#written
      token = this.#next()
    }
  }

  #literals(count: number): void {
    if (this.#in + count > this.#block.length || this.#written + count > this.#out.length) {
      this.#isDamaged = true
      return
    }
    this.#block.copy(this.#out, this.#written, this.#in, this.#in + count)
    this.#in += count
    this.#written += count
  }

  #copy(token: number): void {
    let length = (token >> 5) + 2
    if (length === 9) length += this.#moreLength()
    let distance = ((token & 0x1f) << 8) + this.#next()
    if (this.#level === 2 && distance === LONGEST_NEAR) distance += (this.#next() << 8) + this.#next()
    const from = this.#written - distance - 1
    if (this.#isDamaged || from < 0 || this.#written + length > this.#out.length) {
      this.#isDamaged = true
      return
    }
    // Byte by byte: a copy may overlap what it writes.
    for (let i = 0; i < length; i++) this.#out[this.#written + i] = this.#out[from + i] as number
    this.#written += length
  }

  #moreLength(): number {
    let more = this.#next()
    if (this.#level === 1) return more
    let sum = more
    while (more === 0xff && !this.#isDamaged) sum += more = this.#next()
    return sum
  }

  #next(): number {
    const byte = this.#block[this.#in++]
    if (byte === undefined) this.#isDamaged = true
    return byte ?? 0
  }
}
