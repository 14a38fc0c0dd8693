import { END, isFunction, type Reader, type Step } from './reader.js'

export function isAsyncIterable(source: object): source is AsyncIterable<unknown> {
  return isFunction((source as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator])
}

/** Reads an iterator, and ends it as a loop does that is left: the `finally` of a generator runs. */
export class IteratorReader implements Reader {
  readonly #iterator: AsyncIterator<unknown>
  #isOver = false

  constructor(iterable: AsyncIterable<unknown>) {
    this.#iterator = iterable[Symbol.asyncIterator]()
  }

  async next(): Promise<Step> {
    try {
      const step = await this.#iterator.next()
      if (step.done !== true) return { done: false, chunk: step.value }
    } catch (error) {
      this.#isOver = true
      throw error
    }
    this.#isOver = true
    return END
  }

  async stop(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    try {
      await this.#iterator.return?.()
    } catch {
      // The write has its result by now.
    }
  }

  end(): Promise<void> {
    return this.stop()
  }
}
