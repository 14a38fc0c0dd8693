import { ownValue } from '../chunk-cutter.js'
import { Status, statusText } from './codes.js'

export const HEADER_BYTES = 24

/**
 * One reply. The receiver fills the same object again and again: read what you need before you return.
 * Layout: magic, opcode, key length (2), extras length, data type, status (2), body length (4), opaque (4),
 * CAS (8), then extras, key and value.
 */
export class BinaryFrame {
  opcode = 0
  status = 0
  opaque = 0
  casHigh = 0
  casLow = 0
  #bytes: Buffer
  #isOwn = false
  #extras = 0
  #key = 0
  #value = 0
  #end = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** `isOwn`: the bytes belong to this frame alone, and not to a chunk that holds others too. */
  read(bytes: Buffer, offset: number, length: number, isOwn: boolean): void {
    this.#bytes = bytes
    this.#isOwn = isOwn
    this.opcode = bytes[offset + 1] ?? 0
    this.status = bytes.readUInt16BE(offset + 6)
    this.opaque = bytes.readUInt32BE(offset + 12)
    this.casHigh = bytes.readUInt32BE(offset + 16)
    this.casLow = bytes.readUInt32BE(offset + 20)
    this.#extras = offset + HEADER_BYTES
    this.#key = this.#extras + (bytes[offset + 4] ?? 0)
    this.#value = this.#key + bytes.readUInt16BE(offset + 2)
    this.#end = offset + length
  }

  /** The lengths in the header contradict each other: nothing that follows can be trusted. */
  get isMalformed(): boolean {
    return this.#value > this.#end
  }

  /** The flags in the extras of a get; 0 where there are none. */
  get flags(): number {
    return this.#key - this.#extras >= 4 ? this.#bytes.readUInt32BE(this.#extras) : 0
  }

  get hasBody(): boolean {
    return this.#end > this.#extras
  }

  /** A copy that the caller owns and that does not keep the chunk alive. */
  value(): Buffer {
    return ownValue(this.#bytes, this.#value, this.#end, this.#isOwn)
  }

  keyText(): string {
    return this.#bytes.toString('utf8', this.#key, this.#value)
  }

  valueText(): string {
    return this.#bytes.toString('utf8', this.#value, this.#end)
  }

  valueBigUint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#value)
  }

  /** What the server said, for an error's message. */
  describe(): string {
    const text = this.status === Status.ok ? '' : this.valueText().trim()
    return text === '' ? statusText(this.status) : text
  }
}
