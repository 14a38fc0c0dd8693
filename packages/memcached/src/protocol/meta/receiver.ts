import { ChunkCutter } from '../chunk-cutter.js'
import { MetaReply } from './reply.js'

/** Cuts the stream of replies into lines and their values. */
export class MetaReceiver {
  readonly #cutter: ChunkCutter

  constructor(onReply: (reply: MetaReply) => void) {
    const reply = new MetaReply()
    this.#cutter = new ChunkCutter(
      (bytes, offset, end) => reply.measure(bytes, offset, end),
      (bytes, offset, length, isOwn) => {
        reply.take(bytes, offset, length, isOwn)
        onReply(reply)
      },
    )
  }

  /** Throws where the bytes are no reply; the connection is of no use afterwards. */
  push(chunk: Buffer): void {
    this.#cutter.push(chunk)
  }
}
