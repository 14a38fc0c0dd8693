import { ChunkCutter } from '../chunk-cutter.js'
import { BinaryFrame, HEADER_BYTES } from './frame.js'

const RESPONSE_MAGIC = 0x81
/** memcached's own limit for `-I` is 1 GiB; a longer body is garbage. */
const MAX_BODY_BYTES = 1024 * 1024 * 1024 + 64 * 1024

/** Cuts the stream of replies into frames. */
export class BinaryReceiver {
  readonly #cutter: ChunkCutter

  constructor(onFrame: (frame: BinaryFrame) => void) {
    const frame = new BinaryFrame(Buffer.alloc(0))
    this.#cutter = new ChunkCutter(frameLength, (bytes, offset, length, isOwn) => {
      frame.read(bytes, offset, length, isOwn)
      if (frame.isMalformed) throw new Error('The server sent a reply whose lengths contradict each other')
      onFrame(frame)
    })
  }

  /** Throws where the bytes are no reply; the connection is of no use afterwards. */
  push(chunk: Buffer): void {
    this.#cutter.push(chunk)
  }
}

function frameLength(bytes: Buffer, offset: number, end: number): number {
  if (bytes[offset] !== RESPONSE_MAGIC) {
    const start = JSON.stringify(bytes.toString('latin1', offset, Math.min(end, offset + 100)).trimEnd())
    throw new Error(`The server sent what is no reply of the binary protocol: ${start}`)
  }
  if (end - offset < HEADER_BYTES) return HEADER_BYTES
  const body = bytes.readUInt32BE(offset + 8)
  if (body > MAX_BODY_BYTES) throw new Error(`The server announced a reply of ${body} bytes`)
  return HEADER_BYTES + body
}
