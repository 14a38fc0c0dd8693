const INITIAL_BYTES = 16 * 1024
/** A buffer that a burst has made larger than this is not kept. */
const KEPT_BYTES = 256 * 1024
/** From this size on, a value is passed to the socket without a copy, since copying it costs more than a second write. */
export const BY_REFERENCE_BYTES = 32 * 1024

/**
 * The bytes of all commands of one tick, so that they leave in one write. The owner writes `chunks()` and says
 * by `reset` whether the memory may be used again.
 */
export class OutBuffer {
  #bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #start = 0
  #end = 0
  #chunks: Uint8Array[] = []
  #chunkBytes = 0
  /** Where commands ended, counted from the first; kept where they are written in groups. */
  #ends: number[] = []
  /** Set: `groups` holds whole commands of up to so many bytes in each, and larger ones alone. */
  maxGroupBytes: number | undefined

  /** How many bytes wait to be written. */
  get length(): number {
    return this.#chunkBytes + this.#end - this.#start
  }

  /** Room for `size` bytes at `offset` of the buffer that is returned by `bytes`; all of it must be filled. */
  reserve(size: number): number {
    const offset = this.#end
    if (offset + size > this.#bytes.length) return this.#grow(size)
    this.#end = offset + size
    return offset
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  /** Gives back the end of the last reservation. */
  trim(end: number): void {
    this.#end = end
  }

  /** Takes back the last bytes of a command that continues. */
  takeBack(size: number): void {
    this.#end -= size
    if (this.maxGroupBytes !== undefined) this.#ends.pop()
  }

  /** A large `value` is not copied: it must not be changed until the reply has come. */
  append(value: Uint8Array): void {
    if (value.byteLength >= BY_REFERENCE_BYTES) {
      this.#cut()
      this.#chunks.push(value)
      this.#chunkBytes += value.byteLength
      return
    }
    const offset = this.reserve(value.byteLength)
    this.#bytes.set(value, offset)
  }

  /** A command is complete. */
  end(): void {
    if (this.maxGroupBytes !== undefined) this.#ends.push(this.length)
  }

  /** What is written at once, one after another. */
  groups(): readonly (readonly Uint8Array[])[] {
    const { maxGroupBytes } = this
    if (maxGroupBytes === undefined) return [this.chunks()]
    return cutChunks(this.chunks(), groupEnds(this.#ends, maxGroupBytes))
  }

  chunks(): readonly Uint8Array[] {
    this.#cut()
    return this.#chunks
  }

  /** Forgets what was written; `reuse` says that nobody reads the memory any more. */
  reset(reuse: boolean): void {
    this.#chunks = []
    this.#chunkBytes = 0
    this.#ends = []
    if (!reuse || this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES)
    this.#start = this.#end = 0
  }

  #cut(): void {
    if (this.#end === this.#start) return
    this.#chunks.push(this.#bytes.subarray(this.#start, this.#end))
    this.#chunkBytes += this.#end - this.#start
    this.#start = this.#end
  }

  #grow(size: number): number {
    const used = this.#end - this.#start
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, used + size))
    this.#bytes.copy(larger, 0, this.#start, this.#end)
    this.#bytes = larger
    this.#start = 0
    this.#end = used + size
    return used
  }
}

/** Those of `ends` at which groups of up to `maxBytes` end. */
function groupEnds(ends: readonly number[], maxBytes: number): readonly number[] {
  let start = 0
  return ends.filter((end, i) => {
    const next = ends[i + 1]
    const isFull = next === undefined || next - start > maxBytes
    if (isFull) start = end
    return isFull
  })
}

function cutChunks(
  chunks: readonly Uint8Array[],
  ends: readonly number[],
): readonly (readonly Uint8Array[])[] {
  let [i, offset, at] = [0, 0, 0]
  return ends.map((end) => {
    const group: Uint8Array[] = []
    while (at < end) {
      const chunk = chunks[i] as Uint8Array
      const size = Math.min(chunk.byteLength - offset, end - at)
      group.push(chunk.subarray(offset, offset + size))
      at += size
      offset += size
      if (offset === chunk.byteLength) [i, offset] = [i + 1, 0]
    }
    return group
  })
}
