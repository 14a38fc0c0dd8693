/**
 * The frame of memcached's datagrams, in both directions: request id, number of this datagram, how many there are, and
 * a reserved field; 16 bits each, in network order (protocol.txt, "UDP protocol").
 */
const HEADER_BYTES = 8
/** What memcached puts into one datagram at most, and what goes over any network in one piece. */
const DATAGRAM_BYTES = 1400
/** So many request ids there are. */
export const REQUEST_IDS = 0x1_0000

/** `command` with room for the frame in front of it. */
export function frameRequest(id: number, command: Uint8Array): Buffer {
  const datagram = Buffer.alloc(HEADER_BYTES + command.byteLength)
  datagram.writeUInt16BE(id, 0)
  datagram.writeUInt16BE(1, 4)
  datagram.set(command, HEADER_BYTES)
  return datagram
}

/** Undefined where it is too short to be one of memcached's. */
export function requestIdOf(datagram: Buffer): number | undefined {
  return datagram.length < HEADER_BYTES ? undefined : datagram.readUInt16BE(0)
}

/** The datagrams of one reply, put together in whatever order they come. */
export class DatagramReply {
  readonly #maxDatagrams: number
  #parts: (Buffer | undefined)[] = []
  #missing = 0

  constructor(maxDatagrams: number) {
    this.#maxDatagrams = maxDatagrams
  }

  /**
   * The whole reply with its last datagram, and undefined before. Throws where the reply is longer than allowed, or
   * where its datagrams cannot be of one reply: a request that the network doubled is answered twice.
   */
  add(datagram: Buffer): Buffer | undefined {
    const number = datagram.readUInt16BE(2)
    const count = datagram.readUInt16BE(4)
    // memcached sends empty ones before some of its answers.
    if (count === 0) return undefined
    if (count > this.#maxDatagrams) throw new Error(`The answer has ${count} datagrams`)
    if (this.#parts.length === 0) {
      this.#parts = new Array<undefined>(count).fill(undefined)
      this.#missing = count
    }
    if (this.#parts.length !== count || number >= count || datagram.length > DATAGRAM_BYTES) {
      throw new Error('The datagrams of the answer contradict each other')
    }
    const part = datagram.subarray(HEADER_BYTES)
    const earlier = this.#parts[number]
    if (earlier !== undefined) {
      if (earlier.equals(part)) return undefined
      throw new Error('The answer came twice, and not the same')
    }
    this.#parts[number] = part
    if (--this.#missing > 0) return undefined
    return count === 1 ? part : Buffer.concat(this.#parts as Buffer[])
  }
}
