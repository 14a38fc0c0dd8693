import { BinaryFrame, HEADER_BYTES } from './frame.js'

const RESPONSE_MAGIC = 0x81
/** memcached's own limit for `-I` is 1 GiB; a longer body is garbage. */
const MAX_BODY_BYTES = 1024 * 1024 * 1024 + 64 * 1024

/**
 * Cuts the stream of replies into frames. Chunks of a reply that is not yet complete are kept as a list and
 * joined once, so that a large value is copied once and not once a chunk.
 */
export class BinaryReceiver {
  readonly #onFrame: (frame: BinaryFrame) => void
  readonly #frame = new BinaryFrame(Buffer.alloc(0))
  #held: Buffer[] = []
  #heldBytes = 0
  #needed = 0

  constructor(onFrame: (frame: BinaryFrame) => void) {
    this.#onFrame = onFrame
  }

  /** Throws where the bytes are no reply; the connection is of no use afterwards. */
  push(chunk: Buffer): void {
    if (this.#heldBytes === 0) this.#cut(chunk, false)
    else this.#hold(chunk)
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes < this.#needed) return
    if (this.#needed === HEADER_BYTES) return this.#join(this.#heldBytes)
    // The last chunk may hold the start of further replies, which must not be joined into this one's memory.
    const surplus = this.#heldBytes - this.#needed
    this.#join(this.#needed)
    if (surplus > 0) this.push(chunk.subarray(chunk.length - surplus))
  }

  #join(length: number): void {
    const joined = Buffer.concat(this.#held, length)
    this.#held = []
    this.#heldBytes = 0
    this.#cut(joined, length === this.#needed)
  }

  #cut(bytes: Buffer, owned: boolean): void {
    let offset = 0
    const end = bytes.length
    while (end - offset >= HEADER_BYTES) {
      const length = frameLength(bytes, offset)
      if (end - offset < length) return this.#keep(bytes, offset, length)
      this.#frame.read(bytes, offset, length, owned)
      if (this.#frame.isMalformed)
        throw new Error('The server sent a reply whose lengths contradict each other')
      this.#onFrame(this.#frame)
      offset += length
    }
    if (offset < end) this.#keep(bytes, offset, HEADER_BYTES)
  }

  #keep(bytes: Buffer, offset: number, needed: number): void {
    this.#held = [offset === 0 ? bytes : bytes.subarray(offset)]
    this.#heldBytes = bytes.length - offset
    this.#needed = needed
  }
}

function frameLength(bytes: Buffer, offset: number): number {
  if (bytes[offset] !== RESPONSE_MAGIC)
    throw new Error('The server sent what is no reply of the binary protocol')
  const body = bytes.readUInt32BE(offset + 8)
  if (body > MAX_BODY_BYTES) throw new Error(`The server announced a reply of ${body} bytes`)
  return HEADER_BYTES + body
}
