/** A chunk as the source gives it, or the end. */
export type Step = { readonly done: true } | { readonly done: false; readonly chunk: unknown }

export const END: Step = Object.freeze({ done: true })

/** Reads one source. `stop` and `end` may be called while `next` is pending, and neither rejects. */
export interface Reader {
  next(): Promise<Step>
  /** Reads no further, and leaves the source to its owner. */
  stop(): Promise<void>
  /** Reads no further, and closes the source. */
  end(): Promise<void>
}

export function isFunction(value: unknown): value is (this: object) => unknown {
  return typeof value === 'function'
}

/** What is left of such a stream is not what the caller means to store. */
export function alreadyRead(): TypeError {
  return new TypeError(
    'The stream was read before, by another write or by other code; pass a function that opens it anew',
  )
}
