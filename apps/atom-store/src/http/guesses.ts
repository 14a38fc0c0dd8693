import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { Problem } from '../problem.js'

const WINDOW_SECONDS = 15 * 60
/** Behind a proxy many people have one address. */
const NAMES_PER_ADDRESS = 10

/** Counts wrong passwords and tokens: of a name, and of all names, that come from one address. */
export class Guesses {
  readonly #ofName: RateLimiterMemory
  readonly #ofAddress: RateLimiterMemory

  constructor(max: number) {
    this.#ofName = new RateLimiterMemory({ points: max, duration: WINDOW_SECONDS })
    this.#ofAddress = new RateLimiterMemory({ points: max * NAMES_PER_ADDRESS, duration: WINDOW_SECONDS })
  }

  /**
   * Resolves to what `check` says, which is not asked any more where it was wrong too often. Throws a `Problem` 429 that
   * says when it will be again.
   */
  async limit<T>(address: string, name: string, check: () => Promise<T | undefined>): Promise<T | undefined> {
    const ofName = JSON.stringify([address, name])
    try {
      // Before the answer is known, so that many at once do not get by.
      await this.#ofAddress.consume(address)
      await this.#ofName.consume(ofName)
    } catch (spent) {
      if (!(spent instanceof RateLimiterRes)) throw spent
      const seconds = Math.ceil(spent.msBeforeNext / 1_000)
      throw new Problem(429, 'There were too many wrong passwords: wait', {
        headers: { 'Retry-After': String(seconds) },
      })
    }
    const found = await check()
    if (found !== undefined) {
      await this.#ofAddress.reward(address)
      await this.#ofName.reward(ofName)
    }
    return found
  }
}
