/** Cuts a stream of bytes into the messages of a protocol. */
export class Frames {
  readonly #sizeOf: (bytes: Buffer) => number | undefined
  #rest: Buffer = Buffer.alloc(0)

  /** `sizeOf`: the size of the message that `bytes` begin with, undefined while that cannot be known. */
  constructor(sizeOf: (bytes: Buffer) => number | undefined) {
    this.#sizeOf = sizeOf
  }

  /** The messages that are complete now. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const found: Buffer[] = []
    for (;;) {
      const size = this.#rest.length === 0 ? undefined : this.#sizeOf(this.#rest)
      if (size === undefined || this.#rest.length < size) return found
      found.push(this.#rest.subarray(0, size))
      this.#rest = this.#rest.subarray(size)
    }
  }
}
