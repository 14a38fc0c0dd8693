import { finished, type Readable } from 'node:stream'
import { END, isFunction, type Reader, type Step } from './reader.js'

/** Streams that have an error listener of ours. */
const heard = new WeakSet<object>()

export function isNodeStream(source: object): source is Readable {
  const { on, off, read } = source as Record<string, unknown>
  return isFunction(on) && isFunction(off) && isFunction(read)
}

/**
 * Keeps an error of this stream from ending the process: it may fail before its turn to be read, or after the write
 * was refused. Other readers of the stream get the error too.
 */
export function hearErrors(stream: Readable): void {
  if (heard.has(stream)) return
  heard.add(stream)
  stream.on('error', () => undefined)
}

/**
 * Reads a Node stream. Its own async iterator is no choice: that one destroys the stream when it is left, and takes
 * another chunk when it is left while it waits.
 */
export class NodeReader implements Reader {
  readonly #stream: Readable
  readonly #release: () => void
  #waiting: (() => void)[] = []
  #ending: { readonly error: Error | undefined } | undefined
  #isStopped = false

  constructor(stream: Readable) {
    this.#stream = stream
    stream.on('readable', this.#wake)
    this.#release = finished(stream, { writable: false }, (error) => {
      this.#ending ??= { error: error ?? undefined }
      this.#wake()
    })
  }

  async next(): Promise<Step> {
    for (;;) {
      if (this.#isStopped) return END
      const chunk: unknown = this.#stream.destroyed ? null : this.#stream.read()
      if (chunk !== null) return { done: false, chunk }
      if (this.#ending?.error !== undefined) throw this.#ending.error
      if (this.#ending !== undefined) return END
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stream.off('readable', this.#wake)
    this.#release()
    this.#wake()
  }

  async end(): Promise<void> {
    await this.stop()
    this.#stream.destroy()
  }

  readonly #wake = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
