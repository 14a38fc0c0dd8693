/** The pauses of one caller that asks again, in milliseconds. */
export interface BackoffOptions {
  readonly firstMs: number
  readonly longestMs: number
  /** From 0 up to, not including, 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined
}

/**
 * Pauses that double up to a limit. Each is a random length around its value, half of it to one and a half times, so that
 * callers who began together do not ask again together.
 */
export class Backoff {
  readonly #firstMs: number
  readonly #longestMs: number
  readonly #random: () => number
  #pauseMs: number

  constructor({ firstMs, longestMs, random = Math.random }: BackoffOptions) {
    this.#firstMs = firstMs
    this.#longestMs = longestMs
    this.#random = random
    this.#pauseMs = firstMs
  }

  /** How long to pause now, in milliseconds; the next pause is twice as long. */
  next(): number {
    const pauseMs = this.#pauseMs * (0.5 + this.#random())
    this.#pauseMs = Math.min(this.#pauseMs * 2, this.#longestMs)
    return pauseMs
  }

  /** After a success: the next pause is the first one again. */
  reset(): void {
    this.#pauseMs = this.#firstMs
  }
}
