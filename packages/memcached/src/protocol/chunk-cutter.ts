/**
 * How long the reply at `offset` is, in bytes. A number larger than what is there (`end - offset`) means that at
 * least so much is needed to say more, or to take the reply. Throws where the bytes are no reply.
 */
export type Measure = (bytes: Buffer, offset: number, end: number) => number

/** Takes the reply that was just measured. `isOwn`: the bytes hold this reply alone and are nobody else's. */
export type Take = (bytes: Buffer, offset: number, length: number, isOwn: boolean) => void

/** Room for a reply is made at once up to here, whatever length it announces; for more as its bytes come. */
const TRUSTED_BYTES = 2 * 1024 * 1024
/** Enough for a line whose length is not known yet: it comes byte by byte. */
const MIN_ROOM_BYTES = 256
const NOTHING = Buffer.alloc(0)

/**
 * Cuts a stream of chunks into replies. Chunks are only lent: what a reply that is not yet complete has of its chunk
 * is copied to where the whole of it will be, so that a large value is copied once and not once a chunk.
 */
export class ChunkCutter {
  readonly #measure: Measure
  readonly #take: Take
  /** The beginning of a reply, in room for as much of it as is known to be needed. */
  #held = NOTHING
  #heldBytes = 0
  #needed = 0

  constructor(measure: Measure, take: Take) {
    this.#measure = measure
    this.#take = take
  }

  /** Throws what `measure` or `take` throws; the stream is of no use afterwards. */
  push(chunk: Buffer): void {
    let offset = 0
    while (this.#heldBytes > 0 && offset < chunk.length) offset = this.#complete(chunk, offset)
    this.#cut(chunk, offset)
  }

  /** Adds to the held reply what it lacks of the chunk, and answers with the offset behind. */
  #complete(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#needed - this.#heldBytes)
    this.#hold(chunk, offset, end)
    if (this.#heldBytes < this.#needed) return end
    const length = this.#measure(this.#held, 0, this.#heldBytes)
    if (length > this.#heldBytes) this.#needed = length
    else {
      const held = this.#held
      this.#held = NOTHING
      this.#heldBytes = 0
      this.#take(held, 0, length, length === held.length)
    }
    return end
  }

  #cut(chunk: Buffer, start: number): void {
    const end = chunk.length
    let offset = start
    while (offset < end) {
      const length = this.#measure(chunk, offset, end)
      if (length > end - offset) {
        this.#needed = length
        return this.#hold(chunk, offset, end)
      }
      this.#take(chunk, offset, length, false)
      offset += length
    }
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    const bytes = this.#heldBytes + end - start
    if (bytes > this.#held.length || this.#held.length < Math.min(this.#needed, TRUSTED_BYTES)) {
      const room = Math.min(this.#needed, Math.max(2 * bytes, TRUSTED_BYTES))
      const larger = Buffer.allocUnsafeSlow(Math.max(room, MIN_ROOM_BYTES))
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    chunk.copy(this.#held, this.#heldBytes, start, end)
    this.#heldBytes = bytes
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
