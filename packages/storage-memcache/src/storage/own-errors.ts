import { isStorageError, OutcomeUnknownError } from '@larder/storage-core'

/** Errors of the caller's hooks and sources, with which a write rejects that has not happened. */
export class OwnErrors {
  readonly #errors = new Set<unknown>()

  /** Runs what is the caller's, and keeps its error in mind. */
  async watch<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.add(error)
      throw error
    }
  }

  add(error: unknown): void {
    this.#errors.add(error)
  }

  /**
   * What a write that failed with `error` rejects with. An error that is neither a `StorageError` nor the caller's says
   * nothing of the commit, if one may have been sent by then: a middleman may have made it after the commit.
   */
  meaningOf(error: unknown, mayBeCommitted: boolean): unknown {
    if (!mayBeCommitted || isStorageError(error) || this.#errors.has(error)) return error
    const message = 'The storage failed in a way that does not tell whether the write happened'
    return new OutcomeUnknownError(message, { cause: error })
  }
}
