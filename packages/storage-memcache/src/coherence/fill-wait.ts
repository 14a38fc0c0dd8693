import type { Environment } from '@larder/memcached'
import { Backoff } from '@larder/storage-core/base'

const PAUSES = Object.freeze({ firstMs: 1, longestMs: 32 })

/** How long one caller waits for another's fill, and how often it looks meanwhile. */
export class FillWait {
  readonly #env: Environment
  readonly #endsAt: number
  readonly #backoff: Backoff

  constructor(env: Environment, waitMs: number) {
    this.#env = env
    this.#endsAt = env.now() + waitMs
    this.#backoff = new Backoff({ ...PAUSES, random: () => env.random() })
  }

  get leftMs(): number {
    return Math.max(0, this.#endsAt - this.#env.now())
  }

  /** Until the next look. */
  pause(): Promise<void> {
    return this.#env.sleep(Math.min(this.leftMs, this.#backoff.next()))
  }

  /** Until nothing is left. It does not keep the process alive. */
  end(): Promise<void> {
    return this.#env.idle(this.leftMs)
  }
}
