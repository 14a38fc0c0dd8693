import { Readable } from 'node:stream'
import { alreadyRead, END, isFunction, type Reader, type Step } from './reader.js'

export function isWebStream(source: object): source is ReadableStream<unknown> {
  return isFunction((source as Record<string, unknown>)['getReader'])
}

/** Reads a web stream. What it has not read stays in the stream, which is neither locked nor cancelled afterwards. */
export class WebReader implements Reader {
  readonly #reader: ReadableStreamDefaultReader<unknown>
  /** A reader has read some of it; nothing has come since. */
  #mayBeReadToTheEnd: boolean

  /** Throws `TypeError` if another reader is reading it. */
  constructor(stream: ReadableStream<unknown>) {
    this.#reader = stream.getReader()
    this.#mayBeReadToTheEnd = Readable.isDisturbed(stream as unknown as NodeJS.ReadableStream)
  }

  async next(): Promise<Step> {
    const { done, value } = await this.#reader.read()
    if (done && this.#mayBeReadToTheEnd) throw alreadyRead()
    this.#mayBeReadToTheEnd = false
    return done ? END : { done: false, chunk: value }
  }

  async stop(): Promise<void> {
    this.#reader.releaseLock()
  }

  async end(): Promise<void> {
    // A stream that has failed already rejects with that.
    await this.#reader.cancel().catch(() => undefined)
    await this.stop()
  }
}
