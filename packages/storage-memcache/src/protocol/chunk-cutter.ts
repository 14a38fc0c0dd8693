/**
 * How long the reply at `offset` is, in bytes. A number larger than what is there (`end - offset`) means that at
 * least so much is needed to say more, or to take the reply. Throws where the bytes are no reply.
 */
export type Measure = (bytes: Buffer, offset: number, end: number) => number

/** Takes the reply that was just measured. `isOwn`: the bytes hold this reply alone and are nobody else's. */
export type Take = (bytes: Buffer, offset: number, length: number, isOwn: boolean) => void

/** A remainder up to here is joined with the whole next chunk; a larger one only with what its reply still lacks. */
const SMALL_BYTES = 4096

/**
 * Cuts a stream of chunks into replies. Chunks of a reply that is not yet complete are kept as a list and joined
 * once, so that a large value is copied once and not once a chunk.
 */
export class ChunkCutter {
  readonly #measure: Measure
  readonly #take: Take
  #held: Buffer[] = []
  #heldBytes = 0
  #needed = 0

  constructor(measure: Measure, take: Take) {
    this.#measure = measure
    this.#take = take
  }

  /** Throws what `measure` or `take` throws; the stream is of no use afterwards. */
  push(chunk: Buffer): void {
    if (this.#heldBytes === 0) this.#cut(chunk, false)
    else this.#hold(chunk)
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes < this.#needed) return
    const surplus = this.#needed > SMALL_BYTES ? this.#heldBytes - this.#needed : 0
    const joined = Buffer.concat(this.#held, this.#heldBytes - surplus)
    this.#held = []
    this.#heldBytes = 0
    this.#cut(joined, true)
    if (surplus > 0) this.push(chunk.subarray(chunk.length - surplus))
  }

  #cut(bytes: Buffer, isJoined: boolean): void {
    const end = bytes.length
    let offset = 0
    while (offset < end) {
      const length = this.#measure(bytes, offset, end)
      if (length > end - offset) return this.#keep(bytes, offset, length)
      this.#take(bytes, offset, length, isJoined && length === end)
      offset += length
    }
  }

  #keep(bytes: Buffer, offset: number, needed: number): void {
    this.#held = [offset === 0 ? bytes : bytes.subarray(offset)]
    this.#heldBytes = bytes.length - offset
    this.#needed = needed
  }
}

/** From this size on, a value that has its bytes for itself is handed out without another copy. */
const ADOPT_BYTES = 4096

/** A value that the caller owns and that does not keep a chunk alive. */
export function ownValue(bytes: Buffer, start: number, end: number, isOwn: boolean): Buffer {
  if (isOwn && end - start >= ADOPT_BYTES) return bytes.subarray(start, end)
  const copy = Buffer.allocUnsafe(end - start)
  bytes.copy(copy, 0, start, end)
  return copy
}
